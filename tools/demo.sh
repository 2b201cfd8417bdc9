#!/usr/bin/env bash
# The whole pipeline on this machine: installs what is missing, builds the program, then kernels -> traces -> model ->
# search -> firmware -> comparison with boards -> a page to look at. A stage that has succeeded is not repeated.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
out=$root/build/demo
data=()
jobs=$(nproc)
if ((jobs > 8)); then jobs=8; fi # compiling against LibTorch takes about 1.5 GB per job

usage() {
    cat <<'TEXT'
usage: bash tools/demo.sh [--data DIR] [--out DIR]

  --data DIR   train on CIFAR-10 (binary version: data_batch_1.bin to test_batch.bin) instead of the built-in images
  --out DIR    where everything lands (default: build/demo); delete it to start again
TEXT
}

fail() {
    echo "demo.sh: error: $*" >&2
    exit 2
}

while (($# > 0)); do
    case $1 in
    --data)
        (($# > 1)) || fail "--data needs a folder"
        [[ -d $2 ]] || fail "--data '$2' is not a folder"
        data=(--data "$(cd -- "$2" && pwd)")
        shift
        ;;
    --out)
        (($# > 1)) || fail "--out needs a folder"
        mkdir -p -- "$2" || fail "cannot make the folder '$2'"
        out=$(cd -- "$2" && pwd)
        shift
        ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        usage >&2
        fail "unknown option '$1'"
        ;;
    esac
    shift
done

names=() seconds=()

summary() {
    local status=$? i
    printf '\n%-12s %7s\n' stage seconds
    for i in "${!names[@]}"; do printf '%-12s %7s\n' "${names[i]}" "${seconds[i]}"; done
    printf '%-12s %7d\n' all "$SECONDS"
    if ((status == 0)); then
        printf '\nThe page to look at: %s\n' "$out/report.html"
    else
        echo "demo.sh: stopped (exit $status); run it again to go on from the stage that failed" >&2
    fi
}
trap summary EXIT

# stage NAME COMMAND...: prints it, runs it, remembers how long it took.
stage() {
    local name=$1 start=$SECONDS
    shift
    printf '\n== %s\n$ %s\n' "$name" "$*"
    names+=("$name") seconds+=("failed")
    "$@"
    seconds[-1]=$((SECONDS - start))
}

# step VERB ARGUMENTS...: a stage of mixq-sim. What has run with the same program and arguments, after the same steps, is
# not run again; a search that was interrupted goes on from its checkpoint.
history=
step() {
    local mark=$out/.$1 known resume=()
    history+="$*"$'\n'
    known=$(printf '%s' "$history" | cat "$build/mixq-sim" "$build/mixq-sim-nas" - | sha256sum)
    if [[ -f $mark.done && $(<"$mark.done") == "$known" ]]; then
        printf '\n== %s: done before\n' "$1"
        names+=("$1") seconds+=("-")
        return
    fi
    if [[ $1 == nas && -f $mark.begun && $(<"$mark.begun") == "$known" ]]; then resume=(--resume); fi
    printf '%s\n' "$known" >"$mark.begun"
    stage "$1" "$build/mixq-sim" "$@" "${resume[@]}"
    printf '%s\n' "$known" >"$mark.done"
}

cd -- "$root"
build=$root/build/release
launcher=()
if command -v ccache >/dev/null; then
    launcher=(-D CMAKE_C_COMPILER_LAUNCHER=ccache -D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

stage install bash tools/install_packages.sh
stage configure cmake --preset release "${launcher[@]}"
stage build cmake --build --preset release --target mixq-sim --parallel "$jobs"

mkdir -p -- "$out"
step trace --suite demo -o "$out/traces.csv" --json "$out/traces.json"
step bench --kernel best naive simd-int8 cmix rp-slbc --json "$out/bench.json"
step fit "$out/traces.csv" -o "$out/model.csv" --json "$out/fit.json"
step nas --space vgg_tiny --model "$out/model.csv" "${data[@]}" -o "$out/nas" --json "$out/nas.json"
step deploy "$out/nas/plan.csv" -o "$out/firmware" --json "$out/deploy.json"
step compare --json "$out/compare.json"
stage report "$build/mixq-sim" report --traces "$out/traces.csv" --model "$out/model.csv" --nas "$out/nas" --deploy "$out/deploy.json" \
    --compare "$out/compare.json" -o "$out/report.html"
