#!/usr/bin/env bash
# Installs what is missing, builds and runs every test: the release build with all tests, then the sanitizer build with
# all but the slow ones and those that schedule whole kernels. Ends with the time of each stage.
set -euo pipefail

root=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/.." && pwd)
jobs=$(nproc)
if ((jobs > 8)); then jobs=8; fi # compiling against LibTorch takes about 1.5 GB per job

usage() {
    cat <<'TEXT'
usage: bash tools/test.sh [--no-sanitize]

  --no-sanitize   leave out the sanitizer build
TEXT
}

sanitize=1
while (($# > 0)); do
    case $1 in
    --no-sanitize) sanitize=0 ;;
    -h | --help)
        usage
        exit 0
        ;;
    *)
        echo "test.sh: error: unknown option '$1'" >&2
        usage >&2
        exit 2
        ;;
    esac
    shift
done

names=() results=() seconds=()

# stage NAME COMMAND...: runs it, remembers how long it took and how it ended.
stage() {
    local name=$1 start=$SECONDS status=0
    shift
    printf '\n== %s: %s\n' "$name" "$*"
    "$@" || status=$?
    names+=("$name") seconds+=($((SECONDS - start)))
    if ((status == 0)); then results+=(ok); else results+=("FAILED ($status)"); fi
    return "$status"
}

summary() {
    local i
    printf '\n%-18s %-12s %s\n' stage result seconds
    for i in "${!names[@]}"; do
        printf '%-18s %-12s %7d\n' "${names[i]}" "${results[i]}" "${seconds[i]}"
    done
    printf '%-18s %-12s %7d\n' all '' "$SECONDS"
}

finish() {
    local status=$?
    summary
    if ((status == 0)); then echo "every stage passed"; else echo "test.sh: failed (exit $status)" >&2; fi
}
trap finish EXIT

cd -- "$root"
launcher=()
if command -v ccache >/dev/null; then
    launcher=(-D CMAKE_C_COMPILER_LAUNCHER=ccache -D CMAKE_CXX_COMPILER_LAUNCHER=ccache)
fi

stage install bash tools/install_packages.sh
stage format cmake -D SOURCE_DIR=. -P tests/format.cmake
stage configure cmake --preset release "${launcher[@]}"
stage build cmake --build --preset release --parallel "$jobs"
stage test ctest --preset release --parallel "$jobs"
if ((sanitize)); then
    stage sanitize-configure cmake --preset sanitize "${launcher[@]}"
    stage sanitize-build cmake --build --preset sanitize --parallel "$jobs"
    stage sanitize-test ctest --preset sanitize --parallel "$jobs"
fi
