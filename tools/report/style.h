// The page's style sheet. Kernels have one hue each that holds in light and dark: greys and blues for
// baselines, warm ones for packed kernels.
#pragma once

namespace mixq::tools::report {

inline constexpr const char* kStyle = R"css(
:root { color-scheme: light dark;
  --page: #f6f7f8; --panel: #ffffff; --ink: #1b1f24; --soft: #5b6470; --line: #dfe3e8; --grid: #e8ebef; --accent: #2f5fc4;
  --k0: #8b929c; --k1: #3f74d1; --k2: #c98a00; --k3: #1f9a8a; --k4: #cf4a5b; --k5: #8d5fd3; --k6: #5f8f1f; --k7: #b4578f;
  --ok: #1a7f4b; --ok-soft: #e2f3e9; --off: #b42335; --off-soft: #fbe6e8; --open: #7a5b00; --open-soft: #f7eed2; }
@media (prefers-color-scheme: dark) { :root {
  --page: #101317; --panel: #181c21; --ink: #e7eaee; --soft: #9aa4b1; --line: #2b313a; --grid: #262c34; --accent: #7fa8ff;
  --k0: #8a93a0; --k1: #6c9bf0; --k2: #e3ac3a; --k3: #45c0ae; --k4: #f0727f; --k5: #b190ee; --k6: #97c257; --k7: #de8cbc;
  --ok: #5ecb93; --ok-soft: #16301f; --off: #ff8b95; --off-soft: #3a1a1e; --open: #e6c363; --open-soft: #332a10; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 16px/1.55 system-ui, -apple-system, "Segoe UI", sans-serif; }
main, header, footer { max-width: 1080px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 44px; padding-bottom: 8px; }
h1 { font-size: 2rem; line-height: 1.2; margin: 0 0 6px; letter-spacing: -0.01em; }
h2 { font-size: 1.3rem; margin: 0 0 4px; letter-spacing: -0.005em; }
h3 { font-size: 1rem; margin: 28px 0 8px; }
p { margin: 6px 0 12px; max-width: 76ch; }
header p, .lead { color: var(--soft); }
nav { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 16px 0 4px; font-size: 0.92rem; }
nav a, footer a { color: var(--accent); text-decoration: none; }
nav a:hover { text-decoration: underline; }
section { background: var(--panel); border: 1px solid var(--line); border-radius: 12px; padding: 24px 26px; margin: 18px 0; }
code { font: 0.88em ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; background: var(--page); border: 1px solid var(--line);
  border-radius: 5px; padding: 1px 5px; overflow-wrap: anywhere; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(205px, 1fr)); gap: 14px; margin: 18px 0 6px; }
.tile { border: 1px solid var(--line); border-radius: 10px; padding: 14px 16px; background: var(--page); }
.tile .value { font-size: 1.75rem; font-weight: 650; line-height: 1.2; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile .value small { font-size: 0.95rem; font-weight: 500; color: var(--soft); letter-spacing: 0; }
.tile .name { font-size: 0.85rem; color: var(--soft); }
.tile .note { font-size: 0.82rem; color: var(--soft); margin-top: 4px; overflow-wrap: anywhere; }
.missing { border: 1px dashed var(--line); border-radius: 10px; padding: 14px 16px; color: var(--soft); }
.warning { border-left: 4px solid var(--open); background: var(--open-soft); border-radius: 0 8px 8px 0; padding: 8px 14px; margin: 10px 0; max-width: none; }
figure { margin: 14px 0 6px; }
.scroll { overflow-x: auto; -webkit-overflow-scrolling: touch; }
figcaption { color: var(--soft); font-size: 0.86rem; max-width: 88ch; }
svg { width: 100%; height: auto; display: block; font: 12px system-ui, -apple-system, "Segoe UI", sans-serif; }
svg text { fill: var(--ink); } svg .tick, svg .axis-name { fill: var(--soft); } svg .axis-name { font-size: 12.5px; }
svg .strong { font-weight: 650; } svg .panel-name { font-weight: 650; font-size: 13.5px; } svg .small { font-size: 11px; fill: var(--soft); }
svg .grid { stroke: var(--grid); stroke-width: 1; } svg .base { stroke: var(--soft); stroke-width: 1; }
svg .ideal { stroke: var(--soft); stroke-width: 1.3; stroke-dasharray: 5 4; } svg .band { fill: var(--soft); opacity: 0.11; }
svg .k0 { fill: var(--k0); } svg .k1 { fill: var(--k1); } svg .k2 { fill: var(--k2); } svg .k3 { fill: var(--k3); }
svg .k4 { fill: var(--k4); } svg .k5 { fill: var(--k5); } svg .k6 { fill: var(--k6); } svg .k7 { fill: var(--k7); }
svg circle { stroke: var(--panel); stroke-width: 1; } svg circle.point { opacity: 0.85; }
svg .trail { fill: var(--k1); opacity: 0.55; } svg .uniform { fill: var(--panel); stroke: var(--soft); stroke-width: 2; }
svg .result { fill: var(--k4); stroke: var(--panel); stroke-width: 1.5; }
svg .h0 { fill: var(--k3); opacity: 0.08; } svg .h1 { fill: var(--k3); opacity: 0.19; } svg .h2 { fill: var(--k3); opacity: 0.30; } svg .h3 { fill: var(--k3); opacity: 0.41; }
svg .h4 { fill: var(--k3); opacity: 0.52; } svg .h5 { fill: var(--k3); opacity: 0.64; } svg .h6 { fill: var(--k3); opacity: 0.76; } svg .h7 { fill: var(--k3); opacity: 0.9; }
svg .good { fill: var(--ok); } svg .bad { fill: var(--off); } svg .unknown { fill: var(--k0); }
svg rect:hover, svg circle:hover, svg path:hover { opacity: 0.75; }
table { border-collapse: collapse; font-size: 0.9rem; width: 100%; margin: 10px 0 4px; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: var(--soft); font-size: 0.86rem; padding-bottom: 6px; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1px solid var(--line); padding: 5px 12px 5px 0; vertical-align: bottom; }
td { border-bottom: 1px solid var(--grid); padding: 5px 12px 5px 0; vertical-align: top; }
td.key { overflow-wrap: break-word; min-width: 4.6em; max-width: 34em; } tr:last-child td { border-bottom: 0; }
th.n, td.n { text-align: right; white-space: nowrap; }
.mark { border-radius: 20px; padding: 1px 9px; font-size: 0.82rem; white-space: nowrap; }
.mark.ok { color: var(--ok); background: var(--ok-soft); } .mark.off { color: var(--off); background: var(--off-soft); }
.mark.open { color: var(--open); background: var(--open-soft); }
details { margin: 12px 0 2px; } summary { cursor: pointer; color: var(--accent); font-size: 0.92rem; }
footer { color: var(--soft); font-size: 0.85rem; padding-top: 6px; padding-bottom: 40px; }
@media (max-width: 640px) { header { padding-top: 26px; } h1 { font-size: 1.5rem; } section { padding: 18px 16px; border-radius: 10px; }
  main, header, footer { padding-left: 12px; padding-right: 12px; } .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 10px; } .tile { padding: 12px; }
  .tile .value { font-size: 1.35rem; } }
@media print { section { break-inside: avoid; border: 0; } nav { display: none; } }
)css";

}  // namespace mixq::tools::report
