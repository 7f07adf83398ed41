// swift-format-ignore-file
// Written by `make page` from the files in Page.

/// The dashboard: one page with its style and script, and the policy that lets a browser run these alone.
package enum DashboardPage {
  /// The value of the page's `Content-Security-Policy` header.
  package static let contentSecurityPolicy: StaticString =
    "default-src 'none'; style-src 'sha256-V4fTtfLT2eT05PFFYfOW5FsMzlczu4t9mJNwGkMxue0='; script-src 'sha256-pzs5TUi0Al8a9B/Fk6WXAAyCLNxckchXK3GMArfwoGE='; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

  package static let html: StaticString = #"""
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>ringroad</title>
<link rel="icon" href="data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='5.5' fill='none' stroke='%233b73d9' stroke-width='3' stroke-dasharray='14 3.28'/%3E%3C/svg%3E">
<style>
:root {
color-scheme: light dark;
--ground: #f4f5f7;
--panel: #ffffff;
--raised: #f0f2f5;
--edge: #dfe3e8;
--edge-strong: #868f9c;
--ink: #151a21;
--ink-2: #525c6a;
--accent: #1d5bc4;
--accent-ground: #e8f0fd;
--good: #1a7440;
--fair: #8a5200;
--bad: #b8232b;
--off: #525c6a;
--good-ground: #eef7f1;
--fair-ground: #fdf5e6;
--bad-ground: #fdeeee;
--cut: #ffffff;
--l0: #2467d1;
--l1: #0d7f78;
--l2: #7d4ccb;
--l3: #b8432b;
--l4: #8a94a3;
--s0: #3b73d9;
--s1: #1fa093;
--s2: #8f6ad8;
--s3: #d98a2b;
--s4: #5f9e3f;
--s5: #cf5a8f;
--s6: #2f4b7c;
--s7: #8c96a5;
--t0: #b4cbee;
--t1: #8fb1e4;
--t2: #6e98d8;
--t3: #5380c7;
--t4: #3e69ae;
--t5: #2f528d;
--shadow: 0 1px 2px rgb(20 30 50 / 5%);
}
@media (prefers-color-scheme: dark) {
:root {
--ground: #0d1014;
--panel: #14181e;
--raised: #1c222a;
--edge: #262d37;
--edge-strong: #6b7686;
--ink: #e6eaf0;
--ink-2: #9aa5b4;
--accent: #82b1ff;
--accent-ground: #1a2a44;
--good: #56c88b;
--fair: #efb447;
--bad: #ff8a84;
--off: #9aa5b4;
--good-ground: #12211a;
--fair-ground: #261e0f;
--bad-ground: #2b1618;
--cut: #14181e;
--l0: #6ea4ff;
--l1: #43c5b8;
--l2: #bb98f7;
--l3: #f59078;
--l4: #7a8697;
--s0: #6094f2;
--s1: #35b3a6;
--s2: #a585ea;
--s3: #e0a04d;
--s4: #7db65d;
--s5: #de7fac;
--s6: #b9c9e6;
--s7: #6b7686;
--t0: #2a436d;
--t1: #365789;
--t2: #456da8;
--t3: #5885c5;
--t4: #75a0dc;
--t5: #9dbdec;
--shadow: none;
}
}
.stale {
--ink: var(--ink-2);
--accent: var(--ink-2);
--good: var(--ink-2);
--fair: var(--ink-2);
--l0: var(--edge-strong);
--l1: var(--edge-strong);
--l2: var(--edge-strong);
--l3: var(--edge-strong);
--l4: var(--edge-strong);
}
.stale main {
--bad: var(--ink-2);
--bad-ground: var(--panel);
--fair-ground: var(--panel);
}
.stale main svg { filter: grayscale(1); }
* { box-sizing: border-box; }
html { scrollbar-color: var(--edge-strong) transparent; }
body {
margin: 0;
background: var(--ground);
color: var(--ink);
font: 14px/1.45 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Noto Sans", "Liberation Sans", Arial, sans-serif;
font-variant-numeric: tabular-nums;
-webkit-text-size-adjust: 100%;
}
h1, h2, h3, p, ul, ol, dl, dd, figure { margin: 0; padding: 0; }
ul, ol { list-style: none; }
h2 { font-size: 15px; font-weight: 600; letter-spacing: -0.005em; }
h3 { font-size: 13px; font-weight: 600; }
svg { display: block; overflow: visible; }
[hidden] { display: none !important; }
.hidden, .skip:not(:focus) {
position: absolute;
width: 1px;
height: 1px;
overflow: hidden;
clip-path: inset(50%);
white-space: nowrap;
}
.symbols { position: absolute; width: 0; height: 0; }
.mono { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", monospace; font-size: 0.93em; }
.dim, .hint, .note { color: var(--ink-2); }
.note, .hint { font-size: 12.5px; }
.note:empty { display: none; }
.name {
overflow: hidden;
min-width: 0;
text-overflow: ellipsis;
white-space: nowrap;
unicode-bidi: isolate;
}
button, input, select {
font: inherit;
color: inherit;
background: var(--panel);
border: 1px solid var(--edge-strong);
border-radius: 6px;
min-height: 30px;
padding: 3px 10px;
margin: 0;
}
button { cursor: pointer; white-space: nowrap; }
button:hover { background: var(--raised); }
input::placeholder { color: var(--ink-2); opacity: 1; }
.quiet { border-color: var(--edge); color: var(--ink-2); font-size: 13px; }
.quiet:hover { color: var(--ink); }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 1px; }
.skip:focus {
position: absolute;
z-index: 9;
top: 8px;
left: 8px;
padding: 6px 12px;
background: var(--panel);
color: var(--accent);
}
.chips { display: flex; gap: 2px; padding: 2px; border-radius: 7px; background: var(--raised); }
.chip {
min-height: 26px;
padding: 1px 9px;
border: 0;
border-radius: 5px;
background: transparent;
color: var(--ink-2);
font-size: 12.5px;
}
.chip:hover { color: var(--ink); background: transparent; }
.chip[aria-pressed="true"] {
background: var(--panel);
color: var(--ink);
font-weight: 600;
box-shadow: 0 0 0 1px var(--edge-strong);
}
.icon, .tiny { flex: none; width: 13px; height: 13px; fill: currentcolor; }
.tiny { width: 8px; height: 8px; display: inline-block; }
.icon .cut, symbol .cut { fill: none; stroke: var(--cut); stroke-width: 1.8; stroke-linecap: round; }
symbol .line { fill: none; stroke: currentcolor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
.good { color: var(--good); }
.fair { color: var(--fair); }
.bad { color: var(--bad); }
.off { color: var(--off); }
.bar {
position: sticky;
z-index: 5;
top: 0;
display: flex;
align-items: center;
gap: 14px;
padding: 8px max(20px, calc((100vw - 1640px) / 2));
background: var(--panel);
border-bottom: 1px solid var(--edge);
}
.brand { display: flex; align-items: center; gap: 8px; font-size: 16px; font-weight: 650; letter-spacing: -0.015em; }
.brand svg { width: 20px; height: 20px; fill: none; stroke: var(--accent); stroke-width: 3; }
.brand circle { stroke-dasharray: 14 3.28; }
.about { flex: 1; overflow: hidden; min-width: 0; color: var(--ink-2); font-size: 13px; text-overflow: ellipsis; white-space: nowrap; }
.link { display: flex; align-items: center; gap: 7px; font-size: 13px; font-weight: 600; white-space: nowrap; }
.dot { width: 8px; height: 8px; border-radius: 50%; background: var(--good); }
.waiting .dot, .paused .dot { border: 2px solid var(--ink-2); background: none; }
.link.lost { color: var(--bad); }
.lost .dot { border-radius: 1px; background: var(--bad); }
.bar .quiet { min-width: 74px; }
.outage {
position: sticky;
z-index: 4;
top: 47px;
display: flex;
gap: 10px;
align-items: center;
padding: 10px max(20px, calc((100vw - 1640px) / 2));
background: var(--bad-ground);
border-bottom: 1px solid var(--bad);
color: var(--bad);
}
main {
display: grid;
grid-template-columns: minmax(0, 1fr);
gap: 14px;
max-width: 1680px;
margin: 0 auto;
padding: 14px 20px 40px;
}
.panel { min-width: 0; padding: 14px 16px; background: var(--panel); border: 1px solid var(--edge); border-radius: 10px; box-shadow: var(--shadow); }
.title { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 12px; min-height: 30px; margin-bottom: 8px; }
.title h2 { margin-right: auto; }
@media (min-width: 1400px) {
main { grid-template-columns: 320px repeat(2, minmax(0, 1fr)); }
.attention, .head, .charts { grid-column: 1 / -1; }
.ring { grid-row: span 4; }
.servers, .pools { grid-column: 2 / -1; }
.servers { display: flex; flex-direction: column; }
main { grid-template-rows: auto auto 1fr auto auto auto; }
.hotkeys { grid-column: 1 / 3; }
.events { grid-column: 3; }
.lookup, .plan { grid-column: 2 / -1; }
.process { grid-column: 1 / -1; }
}
.attention { padding: 10px 16px; border: 1px solid var(--edge); border-left: 4px solid var(--edge-strong); border-radius: 10px; background: var(--panel); color: var(--ink); }
.attention h2 { display: flex; align-items: center; gap: 8px; font-size: 14px; }
.attention h2 .icon { color: var(--good); }
.attention.good { border-left-color: var(--good); }
.attention.fair { border-color: var(--fair); background: var(--fair-ground); }
.attention.bad { border-color: var(--bad); background: var(--bad-ground); }
.attention ul { display: grid; }
.attention li { display: flex; align-items: center; gap: 8px; min-height: 32px; }
.attention .level { flex: none; width: 62px; font-weight: 600; font-size: 13px; }
.attention .text { min-width: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
.attention .quiet { min-height: 26px; padding: 0 9px; margin-left: 4px; background: transparent; border-color: var(--edge-strong); color: var(--ink); }
.attention .icon .cut { stroke: var(--panel); }
.head dl { display: grid; grid-template-columns: repeat(7, minmax(0, 1fr)); background: var(--panel); border: 1px solid var(--edge); border-radius: 10px; box-shadow: var(--shadow); }
.head dl > div { min-width: 0; padding: 12px 16px 11px; border-left: 1px solid var(--edge); }
.head dl > div:first-child { border-left: 0; }
.head dt { color: var(--ink-2); font-size: 12.5px; }
.head dd { display: flex; flex-wrap: wrap; align-items: baseline; gap: 0 5px; }
.head .number { font-size: 25px; font-weight: 600; line-height: 1.3; letter-spacing: -0.02em; }
.head .unit { color: var(--ink-2); font-size: 13px; }
.head .bad .number { color: var(--bad); }
#figure-uptime .number { font-size: 19px; line-height: 1.71; white-space: nowrap; }
.circle { width: 100%; max-width: 264px; margin: 2px auto 10px; }
.circle text { fill: var(--ink-2); font-size: 15px; text-anchor: middle; }
.circle .small { font-size: 13px; }
.circle .big { fill: var(--ink); font-size: 28px; font-weight: 600; letter-spacing: -0.02em; }
.arc { cursor: pointer; }
.arc.unowned { fill: var(--raised); cursor: default; }
.arc.out { fill: url("#hatch"); }
.hatch-ground { fill: var(--bad-ground); }
.hatch-line { fill: var(--bad); }
.has-selection .arc { opacity: 0.22; }
.has-selection .arc.apart { opacity: 1; }
.s0 { fill: var(--s0); }
.s1 { fill: var(--s1); }
.s2 { fill: var(--s2); }
.s3 { fill: var(--s3); }
.s4 { fill: var(--s4); }
.s5 { fill: var(--s5); }
.s6 { fill: var(--s6); }
.s7 { fill: var(--s7); }
.t0 { fill: var(--t0); }
.t1 { fill: var(--t1); }
.t2 { fill: var(--t2); }
.t3 { fill: var(--t3); }
.t4 { fill: var(--t4); }
.t5 { fill: var(--t5); }
.ring > .note { text-align: center; text-wrap: balance; }
.shares { margin-top: 14px; padding-top: 12px; border-top: 1px solid var(--edge); }
.shares-head { display: flex; justify-content: space-between; margin-bottom: 4px; color: var(--ink-2); font-size: 12.5px; }
.tick-key { display: flex; align-items: center; gap: 4px; }
.tick-key svg { width: 8px; height: 11px; stroke: var(--ink); stroke-width: 2; }
.shares li { display: grid; grid-template-columns: 10px 13px minmax(0, 1fr) auto; align-items: center; gap: 0 7px; padding: 4px 6px 5px; margin: 0 -6px; font-size: 13px; border-radius: 5px; }
.shares li.apart { background: var(--accent-ground); }
.swatch { width: 10px; height: 10px; }
.shares .figure { text-align: right; white-space: nowrap; }
.sign { display: flex; }
svg.share { width: 64px; height: 12px; }
.share .track { fill: var(--raised); }
.share .part { fill: var(--s0); }
.shares .share .part { fill: inherit; }
.shares svg.share { grid-column: 1 / -1; width: 100%; height: 10px; margin-top: 3px; }
.share .ideal { fill: none; stroke: var(--ink); stroke-width: 2; }
table { width: 100%; border-collapse: separate; border-spacing: 0; font-size: 13px; }
th {
padding: 0 8px;
border-bottom: 1px solid var(--edge);
background: var(--panel);
color: var(--ink-2);
font-size: 12.5px;
font-weight: 500;
text-align: right;
white-space: nowrap;
height: 30px;
}
td { height: 34px; padding: 0 8px; border-bottom: 1px solid var(--edge); text-align: right; white-space: nowrap; }
tbody tr:last-child td { border-bottom: 0; }
th:first-child, td:first-child { padding-left: 4px; }
th.name, td.name, th.state, td.state, th.key, td.key, .pools .up, .placement, .routes, .hotkeys .pool, .hotkeys .server { text-align: left; }
td.name { overflow: visible; }
th button { position: relative; min-height: 26px; padding: 0; border: 0; background: none; color: inherit; font-weight: inherit; }
th button:hover { background: none; color: var(--ink); }
th .tiny { position: absolute; top: 9px; right: calc(100% + 3px); visibility: hidden; }
th.name .tiny, th.state .tiny { right: auto; left: calc(100% + 3px); }
th[aria-sort="ascending"] button, th[aria-sort="descending"] button { color: var(--ink); font-weight: 600; }
th[aria-sort="ascending"] .tiny, th[aria-sort="descending"] .tiny { visibility: visible; }
th[aria-sort="ascending"] .tiny { transform: rotate(180deg); }
td .name { display: block; max-width: 100%; min-height: 26px; padding: 0 3px; margin: 0 -3px; border: 0; background: none; text-align: left; font-weight: 500; }
td .name:hover { background: none; color: var(--accent); }
tbody tr:hover { background: var(--raised); }
tr.selected, tr.selected:hover { background: var(--accent-ground); }
tr.selected td:first-child { box-shadow: inset 3px 0 var(--accent); }
tr.spacer, tr.spacer:hover { background: none; }
td.bad { font-weight: 600; }
.scroller { overflow: auto; overscroll-behavior: contain; margin: 0 -8px; padding: 0 8px; }
.servers .scroller { max-height: max(474px, 100vh - 700px); }
.servers th { position: sticky; z-index: 1; top: 0; }
.servers table, .hotkeys table { table-layout: fixed; min-width: 0; }
.servers tbody tr { height: 34px; }
.servers tbody tr.spacer { height: 0; }
.servers th, .servers td { padding-left: 5px; padding-right: 5px; }
.servers th.name { width: 14.5%; }
.servers th.state { width: 19%; }
.servers th.rate { width: 8.5%; }
.servers th.errors, .servers th.flight { width: 7%; }
.servers th.share { width: 11.5%; }
.servers th.ideal { width: 6.5%; }
.servers td { overflow: hidden; text-overflow: ellipsis; }
.servers td.state > *, .pools .up > * { vertical-align: middle; }
.servers td.state .icon, .pools .up .icon { display: inline-block; margin-right: 6px; }
.servers td.state .dim { margin-left: 7px; font-size: 12.5px; }
td.share > svg, td.part > svg { display: inline-block; width: 50px; margin-right: 8px; vertical-align: -1px; }
td.share span { display: inline-block; min-width: 46px; }
td.ideal { color: var(--ink-2); }
.servers > .note { margin-top: 8px; }
#filter { width: 210px; }
.sort-by { display: none; color: var(--ink-2); font-size: 12.5px; }
.sideways { margin: 0 -8px; padding: 0 8px; overflow-x: auto; }
.pools td, .pools th { max-width: 240px; overflow: hidden; text-overflow: ellipsis; }
.charts .title { margin: 6px 2px 8px; }
.charts h2 { margin: 0; }
.scope { overflow: hidden; min-width: 0; text-overflow: ellipsis; color: var(--ink-2); unicode-bidi: isolate; }
.scope.apart { color: var(--accent); font-weight: 600; }
.charts .title .chip { background: var(--panel); box-shadow: 0 0 0 1px var(--edge-strong); }
.charts .hint { margin-left: auto; }
.charts .hint:empty, .charts .hint[hidden] + .hint:empty { display: none; }
.charts #moment:not(:empty) { margin-left: 0; color: var(--ink); font-weight: 600; }
.trio { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 14px; }
.trio .panel { padding: 12px 14px 8px; }
figcaption { display: grid; gap: 2px; margin-bottom: 6px; }
.legend { display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 12.5px; }
.legend li { display: flex; align-items: center; gap: 6px; color: var(--ink-2); }
.legend svg { width: 18px; height: 8px; }
.legend .figure { min-width: 50px; color: var(--ink); font-weight: 600; white-space: nowrap; }
.plot { position: relative; }
.chart { width: 100%; height: 168px; border-radius: 4px; touch-action: pan-y; }
.chart text { fill: var(--ink-2); font-size: 11px; }
.grid path { fill: none; stroke: var(--edge); }
path.line { fill: none; stroke-width: 1.5; stroke-linejoin: round; }
path.dashed { stroke-dasharray: 5 3; }
.end { stroke: none; }
.l0 { stroke: var(--l0); color: var(--l0); }
.l1 { stroke: var(--l1); color: var(--l1); }
.l2 { stroke: var(--l2); color: var(--l2); }
.l3 { stroke: var(--l3); color: var(--l3); }
.l4 { stroke: var(--l4); color: var(--l4); }
path.area { stroke: none; fill: currentcolor; fill-opacity: 0.1; }
.cross { stroke: var(--ink-2); visibility: hidden; }
.mark { fill: var(--panel); stroke-width: 2; visibility: hidden; }
.on { visibility: visible; }
.empty { color: var(--ink-2); font-size: 13px; }
.plot .empty { position: absolute; inset: 0 0 20px 46px; display: grid; place-items: center; pointer-events: none; }
.hotkeys .scroller, .events .scroller { max-height: 358px; }
.hotkeys th { position: sticky; top: 0; }
.hotkeys th.key { width: 29%; }
.hotkeys th.part { width: 15%; }
.hotkeys th.count { width: 17%; }
.hotkeys th.age { width: 11%; }
.hotkeys th.pool { width: 10%; }
.hotkeys th.server { width: 18%; }
.hotkeys td, .hotkeys th { padding-left: 6px; padding-right: 6px; }
.hotkeys td { height: 31px; overflow: hidden; text-overflow: ellipsis; }
.hotkeys .pool { padding-left: 18px; }
.hotkeys .note { margin-top: 8px; }
td.part span { display: inline-block; min-width: 44px; }
td .mono { font-weight: 400; }
.events ol { display: grid; }
.events li { display: grid; grid-template-columns: auto auto minmax(0, 1fr); column-gap: 9px; padding: 6px 0; border-bottom: 1px solid var(--edge); }
.events li:last-child { border-bottom: 0; }
.events time { color: var(--ink-2); }
.events .sign { padding-top: 4px; }
.events .text { overflow-wrap: anywhere; font-weight: 500; }
.events .fields { grid-column: 3; display: flex; flex-wrap: wrap; gap: 0 14px; font-size: 13px; }
.events .fields > span { min-width: 0; overflow-wrap: anywhere; unicode-bidi: isolate; }
.reason { font-weight: 600; }
.reason .dim { font-weight: 400; }
.lookup { display: flex; flex-wrap: wrap; align-items: center; gap: 8px 20px; }
.lookup form { display: flex; flex-wrap: wrap; flex: 0 0 auto; align-items: center; gap: 8px; max-width: 100%; }
.lookup h2 { margin-right: 6px; }
.lookup input { width: 230px; }
#lookup-answer { display: flex; flex: 1 1 320px; flex-wrap: wrap; align-items: center; gap: 6px 20px; min-width: 0; min-height: 36px; }
.lookup dl { display: flex; flex-wrap: wrap; gap: 2px 20px; min-width: 0; }
.lookup dt { font-size: 12.5px; }
.process dl > div { display: grid; grid-template-columns: 92px minmax(0, 1fr); gap: 10px; padding: 4px 0; }
dl dt { color: var(--ink-2); }
.lookup dd, .process dd { overflow-wrap: anywhere; unicode-bidi: isolate; }
.fault { color: var(--bad); overflow-wrap: anywhere; }
.process dl { columns: 2 380px; column-gap: 28px; }
.process dl > div { break-inside: avoid; }
#workers { display: grid; grid-template-columns: repeat(auto-fill, minmax(320px, 1fr)); gap: 4px 28px; margin-top: 10px; padding-top: 10px; border-top: 1px solid var(--edge); }
#workers li { display: grid; grid-template-columns: 70px 64px 78px minmax(0, 1fr); align-items: center; gap: 10px; white-space: nowrap; }
.plan summary { cursor: pointer; }
.plan summary h2 { display: inline; }
.plan form { display: grid; gap: 8px; margin-top: 10px; }
.plan textarea { box-sizing: border-box; width: 100%; padding: 8px 10px; border: 1px solid var(--edge-strong); border-radius: 8px; background: var(--page); color: var(--ink); font-size: 13px; line-height: 1.45; resize: vertical; }
#plan-answer { display: grid; gap: 6px; margin-top: 12px; }
#plan-answer table { width: 100%; max-width: 760px; }
#plan-answer th, #plan-answer td.mono { text-align: left; }
#plan-answer .number { width: 90px; }
#plan-answer .bars { width: 40%; }
#plan-answer .bar { display: block; height: 10px; border-radius: 3px; background: var(--accent); }
#plan-answer .warn { font-weight: 600; overflow-wrap: anywhere; }
@media (max-width: 1399px) {
.head dl { grid-template-columns: repeat(4, minmax(0, 1fr)); overflow: hidden; }
.head dl > div:last-child { grid-column: span 2; }
.head dl > div { margin: -1px 0 0 -1px; border-top: 1px solid var(--edge); border-left: 1px solid var(--edge); }
.ring { display: grid; grid-template-columns: minmax(0, 300px) minmax(0, 1fr); gap: 0 28px; }
.ring .title { grid-column: 1 / -1; }
.ring .shares { grid-row: 2 / span 2; grid-column: 2; align-self: center; margin: 0; border: 0; }
}
@media (max-width: 1000px) {
.trio { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.trio > :last-child { grid-column: 1 / -1; }
.servers th.name { width: 18%; }
.servers th.state { width: 20%; }
.servers th.rate, .servers th.hit { width: 10.5%; }
.servers th.errors { width: 9%; }
.servers th.share { width: 14%; }
td.share > svg { width: 38px; }
.servers th.p50, .servers td.p50, .servers th.ideal, .servers td.ideal, .servers th.flight, .servers td.flight { display: none; }
}
@media (max-width: 860px) {
.servers th.p999, .servers td.p999, .pools th.placement, .pools td.placement { display: none; }
.servers th.name, .servers th.state { width: 16.5%; }
.servers th.rate { width: 14%; }
.servers th.hit { width: 12%; }
.servers th.errors { width: 12%; }
.servers th.share { width: 17%; }
}
@media (max-width: 719px) {
main { gap: 10px; padding: 10px 10px 32px; }
.bar, .outage { padding-left: 14px; padding-right: 14px; }
.about { display: none; }
.link { margin-left: auto; }
.panel { padding: 12px; }
.attention { padding: 10px 12px; }
.attention li { flex-wrap: wrap; padding: 5px 0; gap: 2px 8px; }
.attention .text { flex: 1 0 100%; padding-left: 21px; }
.attention .quiet { margin-left: 21px; min-height: 32px; }
#attention-more { margin-left: 0; }
.head dl { grid-template-columns: repeat(2, minmax(0, 1fr)); }
.head dl > div { padding: 9px 12px; }
.head dl > div:last-child { grid-column: 1 / -1; }
.head .number { font-size: 22px; }
.ring { display: block; }
.ring .shares { margin-top: 12px; padding-top: 12px; border-top: 1px solid var(--edge); }
.servers .scroller { max-height: 70vh; }
.hotkeys .scroller, .events .scroller { max-height: 65vh; }
.servers .title { gap: 8px; }
#filter { order: 3; flex: 1 0 100%; min-height: 36px; }
.sort-by { order: 4; display: flex; flex: 1 0 100%; align-items: center; gap: 8px; }
.sort-by select { flex: 1; }
.servers thead { display: none; }
.servers table, .servers tbody { display: block; }
.servers tbody tr:not(.spacer) { display: grid; grid-template-columns: 11fr 11fr 12fr 8fr; align-content: center; height: 64px; border-bottom: 1px solid var(--edge); }
.servers tbody tr.spacer { display: block; }
.servers td { height: auto; padding: 0; border: 0; text-align: left; }
.servers td.name { grid-column: 1 / 3; }
.servers td.state { grid-column: 3 / -1; padding-top: 3px; text-align: right; font-size: 13px; }
.servers td.state .icon { margin-right: 5px; }
.servers td.p50, .servers td.p999, .servers td.share { display: none; }
.servers tr.selected td.name { box-shadow: none; }
.servers tr.selected { box-shadow: inset 3px 0 var(--accent); padding-left: 8px; }
td[data-label]::after { content: " " attr(data-label); color: var(--ink-2); font-size: 11.5px; font-weight: 400; }
.pools thead, .hotkeys thead { display: none; }
.pools table, .pools tbody, .hotkeys table, .hotkeys tbody { display: block; }
.pools tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 2px 10px; padding: 8px 0; border-bottom: 1px solid var(--edge); }
.pools tr:last-child, .hotkeys tr:last-child { border-bottom: 0; }
.pools td, .hotkeys td { height: auto; max-width: none; padding: 0; border: 0; text-align: left; }
.pools td.name { grid-column: 1 / 3; }
.pools td.up::after, .pools td.name::after { content: none; }
.pools td:not(.name, .up), .hotkeys td:not(.key) { display: flex; flex-direction: column-reverse; align-items: start; }
.pools td.placement, .pools td.routes { grid-column: 1 / -1; }
.hotkeys tr { display: grid; grid-template-columns: repeat(3, minmax(0, 1fr)); gap: 2px 10px; padding: 8px 0; border-bottom: 1px solid var(--edge); }
.hotkeys td.key { grid-column: 1 / -1; }
.hotkeys td.key::after { content: none; }
.hotkeys td.server { grid-column: span 2; max-height: 4.4em; white-space: normal; overflow-wrap: anywhere; }
.hotkeys td.pool { grid-row: 3; padding-left: 0; }
.hotkeys td.age { display: none; }
.hotkeys td.part > svg, .hotkeys td.count .dim { display: none; }
.trio { grid-template-columns: minmax(0, 1fr); }
.charts .title h2 { flex: 1 0 100%; }
.charts .hint { margin-left: 0; }
.lookup h2 { flex: 1 0 100%; }
.lookup form { flex: 1 1 100%; }
.lookup input { flex: 1; min-width: 0; }
.lookup input, .lookup button { min-height: 38px; }
#lookup-answer { flex: 1 0 100%; max-width: 100%; }
#workers { grid-template-columns: 1fr; }
#workers li { grid-template-columns: 64px 40px 76px minmax(0, 1fr); }
#workers svg.share { width: 40px; }
}
@media (forced-colors: active) {
.arc, .share rect { forced-color-adjust: none; }
.chip[aria-pressed="true"] { outline: 2px solid Highlight; }
}
</style>
</head>
<body>
<a class="skip" href="#filter">Skip to the servers</a>
<svg class="symbols" aria-hidden="true">
<symbol id="icon-up" viewBox="0 0 16 16"><circle cx="8" cy="8" r="4"/></symbol>
<symbol id="icon-ejected" viewBox="0 0 16 16"><path d="M8 1.5 15 14H1Z"/><path class="cut" d="M8 6v4M8 11.6v1.2"/></symbol>
<symbol id="icon-down" viewBox="0 0 16 16"><path d="M2 2h12v12H2Z"/><path class="cut" d="m5 5 6 6m0-6-6 6"/></symbol>
<symbol id="icon-marked" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7"/><path class="cut" d="M4.5 8h7"/></symbol>
<symbol id="icon-joining" viewBox="0 0 16 16"><circle class="line" cx="8" cy="8" r="5.5" stroke-dasharray="3.2 2.56"/></symbol>
<symbol id="icon-info" viewBox="0 0 16 16"><circle cx="8" cy="8" r="7"/><path class="cut" d="M8 7v5M8 4v1.2"/></symbol>
<symbol id="icon-check" viewBox="0 0 16 16"><path class="line" d="m2.5 8.5 3.5 3.5 7.5-8"/></symbol>
<symbol id="icon-sort" viewBox="0 0 10 10"><path d="M5 8 1.5 3h7Z"/></symbol>
<symbol id="icon-close" viewBox="0 0 10 10"><path class="line" d="m1.5 1.5 7 7m0-7-7 7"/></symbol>
</svg>
<header class="bar">
<h1 class="brand">
<svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="8" cy="8" r="5.5"/></svg>ringroad
</h1>
<p class="about" id="about"></p>
<p class="link" id="link"><span class="dot" id="link-dot"></span><span id="link-text">Connecting</span></p>
<button type="button" class="quiet" id="pause">Pause</button>
</header>
<p class="outage" id="outage" hidden>
<svg class="icon" aria-hidden="true"><use href="#icon-down"/></svg>
<span><strong id="outage-what"></strong> <span id="outage-since"></span></span>
</p>
<div class="hidden" id="announce" role="status" aria-live="polite"></div>
<div class="hidden" id="alarm" role="alert"></div>
<noscript><p class="outage">This page needs JavaScript. The same values are in /api/v1/status, /api/v1/servers and /api/v1/pools.</p></noscript>
<main id="main">
<section class="attention" id="attention" aria-labelledby="attention-title">
<h2><svg class="icon" id="attention-check" aria-hidden="true" hidden><use href="#icon-check"/></svg><span id="attention-title">Waiting for the proxy</span></h2>
<ul id="attention-list"></ul>
<button type="button" class="quiet" id="attention-more" hidden></button>
</section>
<section class="head" aria-label="Now">
<dl id="head"></dl>
</section>
<section class="panel ring" aria-labelledby="ring-title">
<div class="title">
<h2 id="ring-title">Ring</h2>
<label class="hidden" for="ring-pool">Pool of the ring</label>
<select id="ring-pool" hidden></select>
</div>
<svg id="ring" class="circle" viewBox="0 0 320 320" role="img" aria-label="The ring"></svg>
<p class="note" id="ring-note"></p>
<div class="shares">
<p class="shares-head"><span id="shares-title">Share of traffic</span><span class="tick-key"><svg viewBox="0 0 12 10" aria-hidden="true"><path d="M6 0v10"/></svg>ideal</span></p>
<ul id="shares" aria-label="Share of traffic against ideal share"></ul>
<p class="note" id="shares-note"></p>
</div>
</section>
<section class="panel servers" aria-labelledby="servers-title">
<div class="title">
<h2 id="servers-title">Servers</h2>
<div class="chips" id="states" role="group" aria-label="Show servers by state"></div>
<label class="sort-by" for="sort-by"><span>Sort by</span> <select id="sort-by"></select></label>
<label class="hidden" for="filter">Filter servers by name, pool, state or note</label>
<input type="search" id="filter" placeholder="Filter servers" autocomplete="off" spellcheck="false" maxlength="200">
</div>
<div class="scroller" id="scroller">
<table id="servers" role="table" aria-label="Servers">
<thead role="rowgroup"><tr role="row" id="server-head"></tr></thead>
<tbody role="rowgroup" id="server-rows"></tbody>
</table>
</div>
<p class="note" id="servers-note"></p>
</section>
<section class="panel pools" aria-labelledby="pools-title">
<div class="title"><h2 id="pools-title">Pools</h2></div>
<div class="sideways" id="pools-box">
<table role="table" aria-label="Pools">
<thead role="rowgroup"><tr role="row" id="pool-head"></tr></thead>
<tbody role="rowgroup" id="pool-rows"></tbody>
</table>
</div>
</section>
<section class="panel lookup" aria-labelledby="lookup-title">
<form id="lookup">
<h2 id="lookup-title"><label for="lookup-key">Where a key goes</label></h2>
<input type="text" id="lookup-key" placeholder="A key, such as user:1" autocomplete="off" autocapitalize="off" spellcheck="false" maxlength="250">
<button type="submit">Look up</button>
</form>
<div id="lookup-answer" role="status" aria-live="polite"><p class="note">Asks the proxy which server has a key now, and which one owns it when all are up.</p></div>
</section>
<section class="panel plan" aria-labelledby="plan-title">
<details id="plan">
<summary><h2 id="plan-title">What an edit would move</h2> <span class="dim">before it is made</span></summary>
<form id="plan-form">
<label class="note" for="plan-text">The configuration in force. Edit it here: nothing is changed.</label>
<textarea id="plan-text" class="mono" rows="14" spellcheck="false" autocapitalize="off" autocomplete="off" maxlength="65536"></textarea>
<p><button type="submit" id="plan-ask">Show what moves</button> <button type="button" class="quiet" id="plan-reset">Start again</button></p>
</form>
<div id="plan-answer" role="status" aria-live="polite"></div>
</details>
</section>
<section class="charts" id="charts-section" aria-labelledby="charts-title">
<div class="title">
<h2 id="charts-title">Last 10 minutes</h2>
<p class="scope" id="scope"></p>
<button type="button" class="chip" id="scope-clear" hidden>Show all traffic <svg class="tiny" aria-hidden="true"><use href="#icon-close"/></svg></button>
<p class="hint" id="scope-hint">Select a server or a pool to see it alone.</p>
</div>
<div class="trio" id="charts"></div>
</section>
<section class="panel hotkeys" aria-labelledby="hotkeys-title">
<div class="title">
<h2 id="hotkeys-title">Hot keys</h2>
<div class="chips" id="hotkeys-by" role="group" aria-label="Order hot keys by"></div>
</div>
<div class="scroller" id="hotkeys-box" tabindex="0" role="region" aria-label="Hot keys">
<table role="table" aria-label="Hot keys">
<thead role="rowgroup"><tr role="row" id="hotkey-head"></tr></thead>
<tbody role="rowgroup" id="hotkey-rows"></tbody>
</table>
</div>
<p class="note" id="hotkeys-note"></p>
</section>
<section class="panel events" aria-labelledby="events-title">
<div class="title">
<h2 id="events-title">Events</h2>
<div class="chips" id="events-level" role="group" aria-label="Show events by level"></div>
<p class="hint" id="events-how"></p>
</div>
<div class="scroller" id="events-box" tabindex="0" role="region" aria-label="Events, newest first">
<ol id="events"></ol>
<p class="empty" id="events-empty"></p>
</div>
</section>
<section class="panel process" aria-labelledby="process-title">
<div class="title"><h2 id="process-title">Process</h2></div>
<dl id="process"></dl>
<ul id="workers" aria-label="Workers, busy share of the last second"></ul>
</section>
</main>
<script>
(() => {
"use strict";
const NONE = "–";
const SPACE = "\u00a0";
const isNumber = (value) => typeof value === "number" && Number.isFinite(value);
function threeDigits(value) {
if (value >= 99.95) return value.toFixed(0);
return value.toFixed(value >= 9.995 ? 1 : 2);
}
function rate(value) {
if (!isNumber(value)) return NONE;
if (value <= 0) return "0";
if (value < 0.05) return "<0.1";
if (value < 9.95) return value.toFixed(1);
if (value < 999.5) return value.toFixed(0);
if (value < 999500) return threeDigits(value / 1e3) + SPACE + "k";
return threeDigits(value / 1e6) + SPACE + "M";
}
function percent(value, digits = 1) {
if (!isNumber(value)) return NONE;
if (value <= 0 || value >= 1) return (value <= 0 ? "0" : "100") + SPACE + "%";
const least = 10 ** -digits;
const rounded = Math.min(Math.max(value * 100, least), 100 - least);
return rounded.toFixed(digits) + SPACE + "%";
}
const shareDigits = (value) => (isNumber(value) && value < 0.0995 ? 2 : 1);
const share = (value) => percent(value, shareDigits(value));
function latency(seconds) {
if (!isNumber(seconds)) return NONE;
if (seconds < 0.0009995) return (seconds * 1e6).toFixed(0) + SPACE + "µs";
if (seconds < 0.9995) return threeDigits(seconds * 1e3) + SPACE + "ms";
return threeDigits(seconds) + SPACE + "s";
}
function bytes(value) {
if (!isNumber(value)) return NONE;
const units = ["B", "KiB", "MiB", "GiB", "TiB"];
let unit = 0;
while (value >= 999.5 && unit < units.length - 1) {
value /= 1024;
unit += 1;
}
return (unit === 0 ? value.toFixed(0) : threeDigits(value)) + SPACE + units[unit];
}
function amount(value) {
return isNumber(value) && value < 999.5 ? value.toFixed(0) : rate(value);
}
const short = (text) => text.replace(/\.0+(?=\D|$)|(\.\d*[1-9])0+(?=\D|$)/, "$1");
const roughly = (seconds) => duration(seconds).split(" ")[0];
const grouped = new Intl.NumberFormat("en");
const count = (value) => (isNumber(value) ? grouped.format(value) : NONE);
function duration(seconds) {
if (!isNumber(seconds)) return NONE;
const whole = Math.max(0, Math.floor(seconds));
const pair = (big, bigUnit, small, smallUnit) =>
big + SPACE + bigUnit + (small > 0 ? " " + small + SPACE + smallUnit : "");
if (whole < 60) return whole + SPACE + "s";
if (whole < 3600) return pair(Math.floor(whole / 60), "min", whole % 60, "s");
if (whole < 86400) return pair(Math.floor(whole / 3600), "h", Math.floor((whole % 3600) / 60), "min");
return pair(Math.floor(whole / 86400), "d", Math.floor((whole % 86400) / 3600), "h");
}
const timeOfDay = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const hourAndMinute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const dayAndTime = new Intl.DateTimeFormat("en-GB", {
day: "numeric", month: "short", hour: "2-digit", minute: "2-digit", second: "2-digit",
});
function clock(seconds, now) {
if (!isNumber(seconds)) return NONE;
const isNear = !isNumber(now) || Math.abs(now - seconds) < 43200;
return (isNear ? timeOfDay : dayAndTime).format(new Date(seconds * 1000));
}
function visible(text) {
return String(text).replace(
/[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g,
(one) => "\\u" + one.charCodeAt(0).toString(16).padStart(4, "0"));
}
const collator = new Intl.Collator("en", { numeric: true });
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";
function fill(node, attributes, children) {
for (const [name, value] of Object.entries(attributes || {})) {
if (value !== null && value !== undefined) node.setAttribute(name, value);
}
node.append(...children);
return node;
}
const element = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const drawn = (tag, attributes, ...children) => fill(document.createElementNS(SVG, tag), attributes, children);
const icon = (name) => drawn("svg", { class: "icon", "aria-hidden": "true" }, drawn("use", { href: "#icon-" + name }));
function setText(node, text) {
if (node.textContent !== text) node.textContent = text;
}
function setAttribute(node, name, value) {
if (value === null) node.removeAttribute(name);
else if (node.getAttribute(name) !== String(value)) node.setAttribute(name, value);
}
function setHidden(node, isHidden) {
if (node.hidden !== isHidden) node.hidden = isHidden;
}
function renderList(parent, values, make, show) {
while (parent.children.length > values.length) parent.lastElementChild.remove();
values.forEach((value, i) => {
if (i === parent.children.length) parent.append(make());
show(parent.children[i], value, i);
});
}
function choices(parent, options, initial, choose) {
const buttons = options.map(([value, label]) => {
const button = element("button", { type: "button", class: "chip" }, label);
button.addEventListener("click", () => press(value));
parent.append(button);
return [value, button];
});
function press(value) {
for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === value));
choose(value);
}
for (const [own, button] of buttons) button.setAttribute("aria-pressed", String(own === initial));
return new Map(buttons);
}
const STATES = new Map([
["down", { sign: "down", tone: "bad" }],
["ejected", { sign: "ejected", tone: "bad" }],
["marked down", { sign: "marked", tone: "off" }],
["joining", { sign: "joining", tone: "fair" }],
["up", { sign: "up", tone: "good" }],
]);
const STATE_ORDER = new Map([...STATES.keys()].map((state, i) => [state, i]));
const stateOf = (state) => STATES.get(state) || { sign: "info", tone: "fair" };
const LEVELS = new Map([
["error", { sign: "down", tone: "bad", word: "Error" }],
["warning", { sign: "ejected", tone: "fair", word: "Warning" }],
["info", { sign: "info", tone: "off", word: "Info" }],
]);
const levelOf = (level) => LEVELS.get(level) || LEVELS.get("info");
function showSign(node, { sign, tone }) {
setAttribute(node, "class", "icon " + tone);
setAttribute(node.firstChild, "href", "#icon-" + sign);
}
function shareBar() {
return drawn("svg", { class: "share", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
drawn("rect", { class: "track", x: 0, y: 3, width: 100, height: 4 }),
drawn("rect", { class: "part", x: 0, y: 3, width: 0, height: 4 }),
drawn("path", { class: "ideal", "vector-effect": "non-scaling-stroke" }));
}
function showShare(bar, traffic, ideal, most) {
const scale = most > 0 ? 100 / most : 0;
const [, part, tick] = bar.children;
setAttribute(part, "width", Math.min(100, (traffic || 0) * scale).toFixed(1));
setAttribute(tick, "d", isNumber(ideal) ? "M" + Math.min(99, ideal * scale).toFixed(1) + " 0v10" : "");
}
const view = {
selected: null, // { kind: "server" | "pool", name }
status: null,
servers: [],
byName: new Map(),
pools: [],
};
const selectionListeners = [];
const isSelected = (kind, name) =>
view.selected !== null && view.selected.kind === kind && view.selected.name === name;
function select(kind, name) {
view.selected = kind === null || isSelected(kind, name) ? null : { kind, name };
for (const listener of selectionListeners) listener();
}
function announce(text) {
byId("announce").textContent = text;
}
const FIELDS = ["requests", "hits", "misses", "errors", "p50", "p99", "p999"];
const STEPS = 600;
const ANSWER_TIMEOUT = 5000; // milliseconds
class Failure extends Error {
constructor(words, isSilence) {
super(words);
this.isSilence = isSilence; // there was no answer at all
}
}
async function ask(path, options = {}) {
let reply;
let text;
try {
reply = await fetch(path, { signal: AbortSignal.timeout(ANSWER_TIMEOUT), cache: "no-store", ...options });
text = await reply.text();
} catch (error) {
const isLate = error.name === "TimeoutError";
throw new Failure(isLate ? `no answer within ${ANSWER_TIMEOUT / 1000} s` : "no connection", true);
}
let answer = null;
try {
answer = JSON.parse(text);
} catch {
throw new Failure(`${path.split("?")[0]}: status ${reply.status}, and no JSON`, false);
}
if (!reply.ok) throw new Failure(answer && answer.error ? visible(answer.error) : `status ${reply.status}`, false);
return answer;
}
class Series {
constructor() {
this.last = -1;
this.values = Object.fromEntries(FIELDS.map((field) => [field, []]));
}
get length() {
return this.values.requests.length;
}
add(first, last, part) {
if (!part || last < first) return;
const isContinued = this.length > 0 && first <= this.last + 1 && last >= this.last - STEPS;
const skipped = isContinued ? Math.max(0, this.last + 1 - first) : 0;
for (const field of FIELDS) {
const kept = isContinued ? this.values[field] : [];
const added = (Array.isArray(part[field]) ? part[field] : []).slice(skipped);
this.values[field] = kept.concat(added).slice(-STEPS);
}
this.last = isContinued ? Math.max(last, this.last) : last;
}
at(field, index) {
const value = this.values[field][index];
return isNumber(value) ? value : null;
}
}
function hitRatio(hits, misses) {
return isNumber(hits) && isNumber(misses) && hits + misses > 0 ? hits / (hits + misses) : null;
}
class Rates {
constructor() {
this.samples = [];
}
add(time, list) {
const counters = new Map();
for (const one of list) counters.set(one.name, [one.requests, one.hits, one.misses, one.errors]);
this.samples.push({ time, counters });
while (this.samples.length > 2 && time - this.samples[1].time > 4900) this.samples.shift();
}
clear() {
this.samples = [];
}
of(name) {
const newest = this.samples[this.samples.length - 1];
const oldest = this.samples.find((sample) => sample.counters.has(name));
const unknown = { rate: null, hit: null, errors: null };
if (!oldest || newest === oldest || !newest.counters.has(name)) return unknown;
const after = newest.counters.get(name);
const before = oldest.counters.get(name);
const change = after.map((value, i) => value - before[i]);
const seconds = (newest.time - oldest.time) / 1000;
if (seconds <= 0 || change.some((value) => !isNumber(value) || value < 0)) return unknown;
return { rate: change[0] / seconds, hit: hitRatio(change[1], change[2]), errors: change[3] / seconds };
}
}
const history = {
total: new Series(),
pools: new Map(),
servers: new Map(),
now: 0, // the proxy's clock when `total.last` was the newest finished step
clear() {
this.total = new Series();
this.pools.clear();
this.servers.clear();
},
add(answer) {
if (answer.last < this.total.last) this.clear();
this.now = answer.now;
this.total.add(answer.first, answer.last, answer.total);
for (const [kept, parts] of [[this.pools, answer.pools], [this.servers, answer.servers]]) {
for (const [name, part] of Object.entries(parts || {})) {
if (!kept.has(name)) kept.set(name, new Series());
kept.get(name).add(answer.first, answer.last, part);
}
}
for (const name of this.servers.keys()) if (!isSelected("server", name)) this.servers.delete(name);
for (const name of this.pools.keys()) if (!Object.hasOwn(answer.pools || {}, name)) this.pools.delete(name);
},
get path() {
const wanted = [];
const name = view.selected && view.selected.kind === "server" ? view.selected.name : null;
if (this.total.last >= 0 && (name === null || this.servers.has(name))) wanted.push("since=" + this.total.last);
if (name !== null) wanted.push("server=" + encodeURIComponent(name));
return "/api/v1/history" + (wanted.length > 0 ? "?" + wanted.join("&") : "");
},
get shown() {
if (view.selected === null) return this.total;
const kept = view.selected.kind === "pool" ? this.pools : this.servers;
return kept.get(view.selected.name) || new Series();
},
};
const ring = {
pool: null, // the pool that is shown
answer: null,
pointed: null, // the server under the mouse
drawn: "", // what the circle shows, to draw only changes
ranking: [],
rankedAt: 0,
};
const COLOURS = 8; // servers that have a colour of their own
const TONES = 6;
const MOST_SECTORS = 200; // of the inner ring
const MOST_SHARES = 8; // rows of shares
const colourOf = (index, total) => (total <= COLOURS ? "s" + index : "t" + ((index * 5) % TONES));
function arc(from, to, inner, outer) {
const end = Math.min(to, from + 0.99999);
const at = (turn, radius) => {
const angle = turn * 2 * Math.PI;
return (160 + radius * Math.sin(angle)).toFixed(2) + " " + (160 - radius * Math.cos(angle)).toFixed(2);
};
const long = end - from > 0.5 ? 1 : 0;
return `M${at(from, outer)}A${outer} ${outer} 0 ${long} 1 ${at(end, outer)}` +
`L${at(end, inner)}A${inner} ${inner} 0 ${long} 0 ${at(from, inner)}Z`;
}
function arcsOfServers(slices) {
const paths = new Map();
let start = 0;
for (let i = 1; i <= slices.length; i += 1) {
if (i < slices.length && slices[i] === slices[start]) continue;
const path = arc(start / slices.length, i / slices.length, 138, 154);
paths.set(slices[start], (paths.get(slices[start]) || "") + path);
start = i;
}
return paths;
}
async function askRing() {
const names = view.pools.map((pool) => pool.name);
if (names.length === 0) return;
if (!names.includes(ring.pool)) ring.pool = names[0];
const answer = await ask("/api/v1/ring?pool=" + encodeURIComponent(ring.pool));
if (answer.pool !== ring.pool) return;
ring.answer = answer;
showRing();
}
function showRing() {
showRingPools();
if (ring.answer === null) return;
drawRing();
showSectors();
showRingCentre();
showShares();
}
function showRingPools() {
const select = byId("ring-pool");
setHidden(select, view.pools.length < 2);
renderList(select, view.pools.map((pool) => pool.name), () => element("option"), (option, name) => {
setText(option, visible(name));
if (option.value !== name) option.value = name;
});
if (ring.pool !== null && select.value !== ring.pool && document.activeElement !== select) select.value = ring.pool;
}
function stateInRing(one) {
const server = view.byName.get(one.name);
return server ? server.state : one.state;
}
function drawRing() {
const { servers, slices, pool } = ring.answer;
const states = servers.map((one) => (stateInRing(one) === "up" ? 1 : 0)).join("");
const content = JSON.stringify([pool, slices, servers.map((one) => one.name), states]);
if (content === ring.drawn) return;
ring.drawn = content;
const picture = byId("ring");
const hatch = drawn("pattern", { id: "hatch", width: 5, height: 5, patternUnits: "userSpaceOnUse", patternTransform: "rotate(45)" },
drawn("rect", { class: "hatch-ground", width: 5, height: 5 }), drawn("rect", { class: "hatch-line", width: 2, height: 5 }));
const band = drawn("g", { class: "band" });
for (const [index, path] of arcsOfServers(slices)) {
const one = servers[index];
const isUp = one && stateInRing(one) === "up";
const node = drawn("path", {
d: path, class: one ? "arc " + (isUp ? colourOf(index, servers.length) : "out") : "arc unowned",
});
if (one) node.dataset.index = index;
band.append(node);
}
picture.replaceChildren(hatch, band, drawn("g", { class: "sectors" }), drawn("g", { class: "centre" },
drawn("text", { x: 160, y: 152, class: "big" }), drawn("text", { x: 160, y: 180 }), drawn("text", { x: 160, y: 199, class: "small" })));
const up = servers.filter((one) => stateInRing(one) === "up").length;
setAttribute(picture, "aria-label", `Ring of pool ${visible(pool)}: ${up} of ${servers.length} servers are up. ` +
"The shares are listed below and in the table of servers.");
const isStriped = slices.some((index) => servers[index] && stateInRing(servers[index]) !== "up");
setText(byId("ring-note"), "Outside: the owner of each part of the circle. Inside: share of the traffic." +
(isStriped ? " Striped: owned by a server that is not up." : ""));
}
function showSectors() {
const group = byId("ring").querySelector(".sectors");
const { servers } = ring.answer;
const sectors = [];
let turn = 0;
servers.forEach((one, index) => {
const traffic = trafficOf(one.name);
if (!(traffic > 0) || servers.length > MOST_SECTORS) return;
sectors.push({ index, path: arc(turn, turn + traffic, 112, 132) });
turn += traffic;
});
renderList(group, sectors, () => drawn("path"), (node, { index, path }) => {
setAttribute(node, "class", "arc " + colourOf(index, servers.length));
setAttribute(node, "d", path);
if (node.dataset.index !== String(index)) node.dataset.index = index;
});
showRingSelection();
}
function trafficOf(name) {
const server = view.byName.get(name);
const isFirst = server && server.pools && server.pools[0] === ring.answer.pool;
return isFirst && server.share && isNumber(server.share.traffic) ? server.share.traffic : null;
}
function apartInRing() {
const name = ring.pointed || (view.selected && view.selected.kind === "server" ? view.selected.name : null);
const index = name === null || ring.answer === null ? -1 : ring.answer.servers.findIndex((one) => one.name === name);
return index < 0 ? null : { index, one: ring.answer.servers[index] };
}
function showRingSelection() {
const apart = apartInRing();
byId("ring").classList.toggle("has-selection", apart !== null);
for (const node of byId("ring").querySelectorAll(".arc")) {
node.classList.toggle("apart", apart !== null && node.dataset.index === String(apart.index));
}
}
function showRingCentre() {
const texts = byId("ring").querySelectorAll("text");
if (texts.length < 3) return;
const { servers, pool, placement } = ring.answer;
const apart = apartInRing();
const fitting = (text) => (text.length > 24 ? text.slice(0, 23) + "…" : text);
if (apart === null) {
const up = servers.filter((one) => stateInRing(one) === "up").length;
setText(texts[0], up + " of " + servers.length + " up");
setText(texts[1], fitting("pool " + visible(pool)));
setText(texts[2], fitting(visible(placement)));
} else {
setText(texts[0], share(trafficOf(apart.one.name)));
setText(texts[1], fitting(visible(apart.one.name)));
setText(texts[2], share(apart.one.ring) + " of ring, ideal " + share(apart.one.ideal));
}
}
function rankShares(servers) {
const now = performance.now();
const names = servers.map((one) => one.name);
const isKept = now - ring.rankedAt < 10000 && ring.ranking.every((name) => names.includes(name));
if (servers.length <= MOST_SHARES) return servers;
if (!isKept || ring.ranking.length === 0) {
const distance = (one) => Math.abs((trafficOf(one.name) || 0) - (one.ideal || 0));
ring.ranking = servers.slice().sort((a, b) => distance(b) - distance(a)).slice(0, MOST_SHARES).map((one) => one.name);
ring.rankedAt = now;
}
const chosen = new Set(ring.ranking);
return servers.filter((one) => chosen.has(one.name));
}
function showShares() {
const { servers } = ring.answer;
const shown = rankShares(servers);
const most = Math.max(...shown.map((one) => Math.max(trafficOf(one.name) || 0, one.ideal || 0)), 0) * 1.1;
const indexes = new Map(servers.map((one, index) => [one.name, index]));
setText(byId("shares-title"), shown.length < servers.length ? "Share of traffic, farthest from ideal" : "Share of traffic");
renderList(byId("shares"), shown, makeShareRow, (row, one) => {
const [swatch, state, name, figure, bar] = row.children;
const index = indexes.get(one.name);
const known = stateOf(stateInRing(one));
setAttribute(swatch, "class", "swatch " + colourOf(index, servers.length));
setText(name, visible(one.name));
showSign(state.firstChild, known);
setText(state.lastChild, stateInRing(one));
setAttribute(bar, "class", "share " + colourOf(index, servers.length));
showShare(bar, trafficOf(one.name), one.ideal, most);
setText(figure.children[0], share(trafficOf(one.name)));
setText(figure.children[1], " of " + share(one.ideal));
row.dataset.name = one.name;
row.classList.toggle("apart", isSelected("server", one.name));
});
const left = servers.length - shown.length;
setText(byId("shares-note"), left > 0 ? `The other ${count(left)} servers are nearer; the table has them all.` : "");
}
function makeShareRow() {
return element("li", {}, drawn("svg", { viewBox: "0 0 10 10", "aria-hidden": "true" }, drawn("rect", { width: 10, height: 10, rx: 2 })),
element("span", { class: "sign" }, icon("up"), element("span", { class: "hidden" })), element("span", { class: "name" }),
element("span", { class: "figure" }, element("span"), element("span", { class: "dim" })), shareBar());
}
function startRing() {
byId("ring-pool").addEventListener("change", (event) => {
ring.pool = event.target.value;
ring.ranking = [];
askRing().catch(() => {});
});
const point = (name) => {
if (ring.pointed === name) return;
ring.pointed = name;
showRingSelection();
showRingCentre();
};
const nameAt = (event) => {
const arcNode = event.target.closest("[data-index]");
return arcNode && ring.answer ? ring.answer.servers[Number(arcNode.dataset.index)].name : null;
};
byId("ring").addEventListener("mousemove", (event) => point(nameAt(event)));
byId("ring").addEventListener("mouseleave", () => point(null));
byId("ring").addEventListener("click", (event) => {
const name = nameAt(event);
if (name !== null) select("server", name);
});
byId("shares").addEventListener("mouseover", (event) => {
const row = event.target.closest("[data-name]");
point(row ? row.dataset.name : null);
});
byId("shares").addEventListener("mouseleave", () => point(null));
selectionListeners.push(() => {
if (ring.answer !== null) showRing();
});
}
const COLUMNS = [
{ id: "name", label: "Server", value: (row) => row.server.name, text: true },
{ id: "state", label: "State", value: (row) => row.rank, text: true },
{ id: "rate", label: "Requests/s", short: "req/s", value: (row) => row.rate, show: rate },
{ id: "hit", label: "Hit ratio", short: "hits", value: (row) => row.hit, show: percent },
{ id: "p50", label: "p50", value: (row) => row.p50, show: latency },
{ id: "p99", label: "p99", short: "p99", value: (row) => row.p99, show: latency },
{ id: "p999", label: "p99.9", value: (row) => row.p999, show: latency },
{ id: "errors", label: "Errors/s", short: "err/s", value: (row) => row.errors, show: rate },
{ id: "flight", label: "In flight", value: (row) => row.server.in_flight, show: count },
{ id: "share", label: "Share", value: (row) => row.traffic },
{ id: "ideal", label: "Ideal", value: (row) => row.ideal, show: share },
];
const table = {
rates: new Rates(),
rows: [], // filtered and sorted
sort: { id: "state", isDown: false },
filter: "",
state: "all",
focus: null, // the name of the row that Tab reaches
narrow: window.matchMedia("(max-width: 719px)"),
};
const SPARE_ROWS = 6; // above and below those in sight
const rowHeight = () => (table.narrow.matches ? 64 : 34);
function addServers(servers, time) {
view.servers = servers;
view.byName = new Map(servers.map((server) => [server.name, server]));
table.rates.add(time, servers);
sortServers();
showServers();
showStates();
}
function rowOf(server) {
const { rate: requests, hit, errors } = table.rates.of(server.name);
const { p50 = null, p99 = null, p999 = null } = server.latency || {};
const { traffic = null, ideal = null } = server.share || {};
const known = STATE_ORDER.has(server.state) ? STATE_ORDER.get(server.state) : -1;
const rank = server.note ? known - 0.5 : known;
return { server, rank, rate: requests, hit, errors, p50, p99, p999, traffic, ideal };
}
function isWanted(server) {
if (table.state === "up" && server.state !== "up") return false;
if (table.state === "out" && server.state === "up") return false;
if (table.filter === "") return true;
const text = [server.name, server.state, server.note || "", ...(server.pools || [])].join(" ").toLowerCase();
return table.filter.split(/\s+/).every((word) => text.includes(word));
}
function sortServers() {
const { id, isDown } = table.sort;
const column = COLUMNS.find((one) => one.id === id);
const rows = view.servers.filter(isWanted).map(rowOf);
const byName = (a, b) => collator.compare(a.server.name, b.server.name);
const byText = (a, b) => (column.id === "name" ? byName(a, b) : a.rank - b.rank);
const byNumber = (a, b) => {
const [left, right] = [column.value(a), column.value(b)];
if (!isNumber(left) || !isNumber(right)) return (isNumber(left) ? -1 : 0) + (isNumber(right) ? 1 : 0);
return isDown ? right - left : left - right;
};
rows.sort((a, b) => (column.text ? (isDown ? -1 : 1) * byText(a, b) : byNumber(a, b)) || byName(a, b));
table.rows = rows;
}
function sortBy(id) {
const column = COLUMNS.find((one) => one.id === id);
const isDown = table.sort.id === id ? !table.sort.isDown : !column.text;
table.sort = { id, isDown };
byId("scroller").scrollTop = 0;
refreshServers();
announce(`Servers sorted by ${column.label}, ${isDown ? "descending" : "ascending"}`);
}
function refreshServers() {
sortServers();
showServers();
showSort();
}
function showSort() {
for (const cell of byId("server-head").children) {
const isSorted = cell.dataset.id === table.sort.id;
setAttribute(cell, "aria-sort", isSorted ? (table.sort.isDown ? "descending" : "ascending") : "none");
}
byId("sort-by").value = table.sort.id;
}
function showStates() {
const up = view.servers.filter((server) => server.state === "up").length;
setText(table.buttons.get("all"), "All " + count(view.servers.length));
setText(table.buttons.get("up"), "Up " + count(up));
setText(table.buttons.get("out"), "Not up " + count(view.servers.length - up));
}
function showServers() {
const scroller = byId("scroller");
const body = byId("server-rows");
const height = rowHeight();
const total = table.rows.length;
const above = table.narrow.matches ? 0 : byId("server-head").offsetHeight;
const first = Math.max(0, Math.floor((scroller.scrollTop - above) / height) - SPARE_ROWS);
const inSight = Math.ceil(Math.max(scroller.clientHeight, 200) / height) + 2 * SPARE_ROWS;
const shown = table.rows.slice(first, first + inSight);
if (!shown.some((row) => row.server.name === table.focus)) table.focus = shown.length > 0 ? focusable(shown, first) : null;
const kept = new Map();
for (const node of [...body.children]) {
if (node.dataset.name !== undefined) kept.set(node.dataset.name, node);
}
const nodes = shown.map((row, i) => {
const node = kept.get(row.server.name) || makeServerRow(row.server.name);
kept.delete(row.server.name);
showServerRow(node, row, first + i);
return node;
});
for (const node of kept.values()) node.remove();
const [top, bottom] = table.spacers;
place(body, [top, ...nodes, bottom]);
top.style.height = first * height + "px";
bottom.style.height = Math.max(0, total - first - shown.length) * height + "px";
setAttribute(byId("servers"), "aria-rowcount", total + 1);
setText(byId("servers-note"), noteOfServers(total));
}
function noteOfServers(total) {
if (view.servers.length === 0) return "";
if (total === 0) return "No server fits the filter.";
const shown = total < view.servers.length ? `${count(total)} of ${count(view.servers.length)} servers. ` : "";
return shown + `Rates and hit ratios over 5${SPACE}s; latencies and shares over 10${SPACE}s.`;
}
function place(parent, nodes) {
let next = parent.firstElementChild;
for (const node of nodes) {
if (node === next) next = next.nextElementSibling;
else if (node.contains(document.activeElement)) {
while (next !== null && next !== node) {
const after = next.nextElementSibling;
parent.append(next);
next = after;
}
next = node.nextElementSibling;
} else parent.insertBefore(node, next);
}
}
function focusable(shown, first) {
const selected = shown.find((row) => isSelected("server", row.server.name));
const scrolled = first > 0 ? Math.min(SPARE_ROWS, shown.length - 1) : 0;
return (selected || shown[scrolled]).server.name;
}
function makeServerRow(name) {
const row = element("tr", { role: "row" });
row.dataset.name = name;
for (const column of COLUMNS) {
const cell = element("td", { role: column.id === "name" ? "rowheader" : "cell", class: column.id });
if (column.short) cell.dataset.label = column.short;
row.append(cell);
}
const [nameCell, stateCell] = row.children;
nameCell.append(element("button", { type: "button", class: "name", title: visible(name) }, visible(name)));
stateCell.append(icon("up"), element("span"), element("span", { class: "dim" }));
row.querySelector(".share").append(shareBar(), element("span"));
return row;
}
function showServerRow(node, row, index) {
const { server } = row;
const button = node.firstChild.firstChild;
setAttribute(button, "tabindex", server.name === table.focus ? 0 : -1);
setAttribute(button, "aria-pressed", isSelected("server", server.name));
setAttribute(node, "aria-rowindex", index + 2);
node.classList.toggle("selected", isSelected("server", server.name));
node.classList.toggle("not-up", server.state !== "up");
const [sign, word, why] = node.children[1].children;
showSign(sign, stateOf(server.state));
setText(word, server.state);
setText(why, whyOf(server));
setAttribute(node.children[1], "title", server.state === "up" && !server.note ? null : `${server.state}, ${whyOf(server)}`);
COLUMNS.forEach((column, i) => {
if (column.show) setText(node.children[i], column.show(column.value(row)));
});
node.children[7].classList.toggle("bad", row.errors > 0);
const [bar, figure] = node.children[9].children;
showShare(bar, row.traffic, row.ideal, 2 * row.ideal);
setText(figure, share(row.traffic));
}
function whyOf(server) {
const age = view.status && isNumber(server.since) ? view.status.now - server.since : null;
const since = server.state !== "up" && age !== null ? duration(age) : "";
return [since, server.cause, server.note].filter(Boolean).map(visible).join(", ");
}
function focusRow(index) {
if (table.rows.length === 0) return;
const target = Math.min(Math.max(index, 0), table.rows.length - 1);
table.focus = table.rows[target].server.name;
revealRow(target);
showServers();
const node = [...byId("server-rows").children].find((row) => row.dataset.name === table.focus);
if (node) node.querySelector("button").focus({ preventScroll: true });
}
function revealRow(index) {
const scroller = byId("scroller");
const height = rowHeight();
const head = table.narrow.matches ? 0 : byId("server-head").offsetHeight;
const top = index * height;
if (top < scroller.scrollTop) scroller.scrollTop = top;
if (top + height + head > scroller.scrollTop + scroller.clientHeight) {
scroller.scrollTop = top + height + head - scroller.clientHeight;
}
}
function moveFocus(event) {
const index = table.rows.findIndex((row) => row.server.name === table.focus);
const page = Math.max(1, Math.floor(byId("scroller").clientHeight / rowHeight()) - 1);
const targets = {
ArrowDown: index + 1, ArrowUp: index - 1, PageDown: index + page, PageUp: index - page,
Home: 0, End: table.rows.length - 1,
};
if (!Object.hasOwn(targets, event.key) || event.altKey || event.ctrlKey || event.metaKey) return;
event.preventDefault();
focusRow(targets[event.key]);
}
function revealServer(name) {
if (!isSelected("server", name)) select("server", name);
if (!table.rows.some((row) => row.server.name === name)) {
byId("filter").value = "";
table.filter = "";
table.buttons.get("all").click();
}
focusRow(table.rows.findIndex((row) => row.server.name === name));
byId("servers-title").scrollIntoView({ block: "nearest" });
}
function startServers() {
const row = () => element("tr", { class: "spacer", "aria-hidden": "true" });
table.spacers = [row(), row()];
for (const column of COLUMNS) {
const button = element("button", { type: "button" }, column.label, drawn("svg", { class: "tiny", "aria-hidden": "true" }, drawn("use", { href: "#icon-sort" })));
const cell = element("th", { role: "columnheader", scope: "col", class: column.id }, button);
cell.dataset.id = column.id;
button.addEventListener("click", () => sortBy(column.id));
byId("server-head").append(cell);
byId("sort-by").append(element("option", { value: column.id }, column.label));
}
byId("sort-by").addEventListener("change", (event) => sortBy(event.target.value));
table.buttons = choices(byId("states"), [["all", "All"], ["up", "Up"], ["out", "Not up"]], "all", (state) => {
table.state = state;
byId("scroller").scrollTop = 0;
refreshServers();
});
byId("filter").addEventListener("input", (event) => {
table.filter = event.target.value.trim().toLowerCase();
byId("scroller").scrollTop = 0;
refreshServers();
announce(`${table.rows.length} servers`);
});
byId("filter").addEventListener("keydown", (event) => {
if (event.key !== "ArrowDown") return;
event.preventDefault();
focusRow(0);
});
byId("server-rows").addEventListener("keydown", moveFocus);
byId("server-rows").addEventListener("click", (event) => {
const node = event.target.closest("[data-name]");
if (node === null) return;
table.focus = node.dataset.name;
select("server", node.dataset.name);
});
byId("scroller").addEventListener("scroll", showServers, { passive: true });
table.narrow.addEventListener("change", showServers);
new ResizeObserver(showServers).observe(byId("scroller"));
selectionListeners.push(showServers);
showSort();
}
const attention = { isWhole: false, announced: "" };
const MOST_ITEMS = 6;
function itemsOfAttention(status) {
const reasons = new Set(status.ready ? [] : status.reasons);
const order = ["error", "warning", "info"];
const items = (status.attention || []).slice().sort((a, b) => order.indexOf(a.level) - order.indexOf(b.level));
return items.map((item) => (reasons.has(item.text) ? { ...item, text: "Not ready: " + item.text } : item));
}
function showAttention(status) {
const items = itemsOfAttention(status);
const urgent = items.filter((item) => item.level !== "info").length;
const isCalm = urgent === 0 && status.ready;
const title = isCalm ? "Nothing needs attention" : urgent === 0 ? "Not ready" : urgent === 1 ? "1 thing needs attention" : `${count(urgent)} things need attention`;
const box = byId("attention");
const worst = items.some((item) => item.level === "error") || !status.ready ? "bad" : urgent > 0 ? "fair" : "good";
setAttribute(box, "class", "attention " + worst);
setText(byId("attention-title"), title);
byId("attention-check").toggleAttribute("hidden", !isCalm);
const shown = attention.isWhole ? items : items.slice(0, MOST_ITEMS);
renderList(byId("attention-list"), shown, makeAttentionItem, (node, item) => {
const level = levelOf(item.level);
const [sign, word, text, button] = node.children;
showSign(sign, level);
setAttribute(word, "class", "level " + level.tone);
setText(word, level.word);
setText(text, visible(item.text));
const isKnown = typeof item.server === "string" && view.byName.has(item.server);
setHidden(button, !isKnown);
if (isKnown) button.dataset.server = item.server;
setAttribute(button, "aria-label", isKnown ? "Show server " + visible(item.server) : null);
});
const more = byId("attention-more");
setHidden(more, items.length <= MOST_ITEMS);
setText(more, attention.isWhole ? "Show fewer" : `Show ${count(items.length - MOST_ITEMS)} more`);
document.title = (urgent > 0 ? `(${urgent}) ` : "") + "ringroad";
const spoken = title + (urgent > 0 ? ": " + items.slice(0, 3).map((item) => visible(item.text)).join("; ") : "");
if (attention.announced !== spoken) {
attention.announced = spoken;
announce(spoken);
}
}
function makeAttentionItem() {
const button = element("button", { type: "button", class: "quiet" }, "Show server");
button.addEventListener("click", () => revealServer(button.dataset.server));
return element("li", {}, icon("info"), element("span"), element("span", { class: "text" }), button);
}
function startAttention() {
byId("attention-more").addEventListener("click", () => {
attention.isWhole = !attention.isWhole;
if (view.status !== null) showAttention(view.status);
});
}
const FIGURES = [
["rate", "Requests"], ["hit", "Hit ratio"], ["p99", "Latency p99"], ["errors", "Errors"],
["up", "Servers up"], ["clients", "Clients"], ["uptime", "Uptime"],
];
function showFigures(status) {
const last = history.total.length - 1;
const at = (field) => (last < 0 ? null : history.total.at(field, last));
const up = view.servers.filter((server) => server.state === "up").length;
const clients = status.clients || {};
const values = {
rate: [rate(at("requests")), "/s"],
hit: [percent(hitRatio(at("hits"), at("misses")))],
p99: [latency(at("p99"))],
errors: [rate(at("errors")), "/s"],
up: [count(up), "of " + count(view.servers.length)],
clients: [count(clients.now), isNumber(clients.limit) ? "of " + count(clients.limit) : ""],
uptime: [duration(status.uptime)],
};
for (const [id, [text, unit = ""]] of Object.entries(values)) {
const node = byId("figure-" + id);
const [number, ...units] = id === "uptime" ? [text] : text.split(SPACE);
setText(node.children[0], number);
setText(node.children[1], units.join(SPACE) + (unit.startsWith("/") || units.length === 0 ? "" : SPACE) + unit);
}
byId("figure-errors").parentElement.classList.toggle("bad", at("errors") > 0);
byId("figure-up").parentElement.classList.toggle("bad", up < view.servers.length);
setText(byId("about"), `version ${visible(status.version)}, pid ${status.pid}, ` + (status.config ? visible(status.config) : "no configuration file"));
}
function startFigures() {
for (const [id, label] of FIGURES) {
byId("head").append(element("div", {}, element("dt", {}, label),
element("dd", { id: "figure-" + id }, element("span", { class: "number" }, NONE), element("span", { class: "unit" }))));
}
}
const POOL_COLUMNS = [
["name", "Pool"], ["up", "Servers up"], ["rate", "Requests/s"], ["hit", "Hit ratio"], ["p50", "p50"], ["p99", "p99"],
["p999", "p99.9"], ["errors", "Errors/s"], ["placement", "Placement"], ["routes", "Prefixes"],
];
const MOST_POOLS = 100;
const poolRates = new Rates();
function addPools(pools, time) {
view.pools = pools;
poolRates.add(time, pools);
showPools();
}
function showPools() {
renderList(byId("pool-rows"), view.pools.slice(0, MOST_POOLS), makePoolRow, (row, pool) => {
const { rate: requests, hit, errors } = poolRates.of(pool.name);
const { p50, p99, p999 } = pool.latency || {};
const servers = (pool.servers || []).length;
const prefixes = (pool.routes || []).map((prefix) => (prefix === "" ? "all others" : visible(prefix)));
const button = row.firstChild.firstChild;
setText(button, visible(pool.name));
button.dataset.name = pool.name;
setAttribute(button, "aria-pressed", isSelected("pool", pool.name));
row.classList.toggle("selected", isSelected("pool", pool.name));
showSign(row.children[1].firstChild, stateOf(pool.up < servers ? (pool.up > 0 ? "ejected" : "down") : "up"));
setText(row.children[1].lastChild, `${count(pool.up)} of ${count(servers)}`);
const texts = [rate(requests), percent(hit), latency(p50), latency(p99), latency(p999), rate(errors)];
texts.push([pool.placement, pool.hash].filter(Boolean).map(visible).join(", "), prefixes.join(", "));
texts.forEach((text, i) => setText(row.children[i + 2], text));
setAttribute(row.children[9], "title", prefixes.join(", "));
row.children[7].classList.toggle("bad", errors > 0);
});
}
function makePoolRow() {
const row = element("tr", { role: "row" });
for (const [id, label] of POOL_COLUMNS) {
const cell = element("td", { role: id === "name" ? "rowheader" : "cell", class: id });
cell.dataset.label = label;
row.append(cell);
}
const button = element("button", { type: "button", class: "name" });
row.firstChild.append(button);
row.children[1].append(icon("up"), element("span"));
row.addEventListener("click", () => select("pool", button.dataset.name));
return row;
}
function startPools() {
for (const [id, label] of POOL_COLUMNS) byId("pool-head").append(element("th", { role: "columnheader", scope: "col", class: id }, label));
selectionListeners.push(showPools);
}
const hotkeys = { by: "requests", answer: null, head: null };
const HOTKEY_COLUMNS = [
["key", "Key"], ["part", "Share"], ["count", "Requests"], ["pool", "Pool"], ["server", "Server"], ["age", "First seen"],
];
const MOST_KEYS = 50;
async function askHotkeys() {
const answer = await ask("/api/v1/hotkeys?by=" + hotkeys.by);
if (answer.by !== hotkeys.by) return;
hotkeys.answer = answer;
showHotkeys();
}
function showHotkeys() {
const { keys, sampled, half_life: halfLife, by } = hotkeys.answer;
const amountOf = by === "bytes" ? bytes : amount;
const shown = keys.slice(0, MOST_KEYS);
const most = Math.max(...shown.map((one) => one.share || 0), 0);
renderList(byId("hotkey-rows"), shown, makeHotkeyRow, (row, one) => {
const [key, part, size, pool, server, age] = row.children;
setText(key.firstChild, visible(one.key));
key.firstChild.dataset.key = one.key;
setAttribute(key.firstChild, "title", "Look up " + visible(one.key));
showShare(part.firstChild, one.share, null, most);
setText(part.lastChild, share(one.share));
setText(size.firstChild, amountOf(one.count));
setText(size.lastChild, one.error > 0 ? " −" + amountOf(one.error) : "");
setAttribute(size, "data-label", by === "bytes" ? "Bytes" : "Requests");
setText(pool, one.pool === null ? NONE : visible(one.pool));
setText(server, one.server === null ? "none" : visible(one.server));
setText(age, roughly(one.age) + " ago");
});
setText(hotkeys.head, by === "bytes" ? "Bytes" : "Requests");
const from = isNumber(sampled) && sampled < 1 ? `Estimated from 1 request in ${count(Math.round(1 / sampled))}` : "Of all requests";
setText(byId("hotkeys-note"), keys.length === 0 ? "No key stands out." : `${from}; what is ${duration(halfLife)} old counts half.`);
}
function makeHotkeyRow() {
const row = element("tr", { role: "row" });
for (const [id, label] of HOTKEY_COLUMNS) {
const cell = element("td", { role: id === "key" ? "rowheader" : "cell", class: id });
cell.dataset.label = label;
row.append(cell);
}
const button = element("button", { type: "button", class: "name mono" });
button.addEventListener("click", () => lookUp(button.dataset.key));
row.children[0].append(button);
row.children[1].append(shareBar(), element("span"));
row.children[2].append(element("span"), element("span", { class: "dim", title: "by which it may be too high" }));
return row;
}
function startHotkeys() {
for (const [id, label] of HOTKEY_COLUMNS) byId("hotkey-head").append(element("th", { role: "columnheader", scope: "col", class: id }, label));
hotkeys.head = byId("hotkey-head").querySelector(".count");
choices(byId("hotkeys-by"), [["requests", "By requests"], ["bytes", "By bytes"]], "requests", (by) => {
hotkeys.by = by;
askHotkeys().catch(() => {});
});
}
const MOST_LISTENERS = 16;
const listenerRates = new Rates();
function listenerText(listener) {
const { p50, p99 } = listener.latency || {};
const { rate: requests } = listenerRates.of(listener.address);
return `${visible(listener.address)}: ${count(listener.clients)} clients, ${rate(requests)} requests/s, p50 ${latency(p50)}, p99 ${latency(p99)}`;
}
function showProcess(status, time) {
const { clients = {}, memory = {}, reloads = {}, listeners = [] } = status;
listenerRates.add(time, listeners.map(({ address, requests }) => ({ name: address, requests, hits: 0, misses: 0, errors: 0 })));
const rows = [
...listeners.slice(0, MOST_LISTENERS).map((listener) => ["Listens on", listenerText(listener)]),
["Started", clock(status.started, status.now)],
["Clients", `${count(clients.accepted)} accepted, ${count(clients.rejected)} rejected`],
["Memory", `${bytes(memory.in_use)} in use, ${bytes(memory.idle)} idle, limit ${bytes(memory.limit)}`],
["Reloads", `${count(reloads.applied)} applied, ${count(reloads.refused)} refused`],
];
if (reloads.last_error) rows.push(["Last refusal", visible(reloads.last_error)]);
renderList(byId("process"), rows, () => element("div", {}, element("dt"), element("dd")), (row, [name, text]) => {
setText(row.children[0], name);
setText(row.children[1], text);
});
renderList(byId("workers"), (status.workers || []).slice(0, 64), () => element("li", {}, element("span"), shareBar(), element("span"), element("span", { class: "dim" })), (row, worker) => {
setText(row.children[0], "Worker " + worker.number);
showShare(row.children[1], worker.busy, null, 1);
setText(row.children[2], isNumber(worker.busy) ? Math.round(worker.busy * 100) + SPACE + "% busy" : NONE);
setText(row.children[3], count(worker.clients) + " clients");
});
}
let lookups = 0;
function lookUp(key) {
byId("lookup-key").value = key;
showRoute(key);
byId("lookup").scrollIntoView({ block: "nearest" });
}
function faultOfKey(key) {
if (key === "") return "Type a key.";
if (/[\s\u0000-\u001f\u007f]/.test(key)) return "A key has no spaces and no control characters.";
if (new TextEncoder().encode(key).length > 250) return "A key has at most 250 bytes.";
return null;
}
async function showRoute(key) {
const number = (lookups += 1);
const box = byId("lookup-answer");
const fault = faultOfKey(key);
if (fault !== null) return box.replaceChildren(element("p", { class: "fault" }, fault));
let nodes;
try {
nodes = routeRows(await ask("/api/v1/route?key=" + encodeURIComponent(key)));
} catch (error) {
nodes = [element("p", { class: "fault" }, "No answer: " + error.message)];
}
if (number === lookups) box.replaceChildren(...nodes);
}
function routeRows(route) {
const isAway = route.owner !== route.server;
const rows = [["Key", visible(route.key)], ["Pool", visible(route.pool) + (route.prefix ? `, by prefix ${visible(route.prefix)}` : "")]];
rows.push([isAway ? "Server now" : "Server", route.server === null ? "none: its requests fail" : visible(route.server)]);
if (isAway) rows.push(["Owner", route.owner === null ? "none" : visible(route.owner)]);
if (route.label && route.label !== route.server) rows.push(["Ring label", visible(route.label)]);
const owner = view.byName.get(route.owner);
const row = ([name, text]) => element("div", {}, element("dt", {}, name), element("dd", { class: "mono" }, text));
const nodes = [element("dl", {}, ...rows.map(row))];
if (isAway && owner) {
nodes.push(element("p", { class: "note" }, `The owner is ${owner.state}; ` +
(route.server === null ? "its keys have no server until it is back." : "its keys are on other servers until it is back.")));
}
if (typeof route.server === "string" && view.byName.has(route.server)) {
const button = element("button", { type: "button", class: "quiet" }, "Show server");
button.addEventListener("click", () => revealServer(route.server));
nodes.push(button);
}
return nodes;
}
function startLookup() {
byId("lookup").addEventListener("submit", (event) => {
event.preventDefault();
showRoute(byId("lookup-key").value.trim());
});
}
const plan = { isAsking: false, text: null };
async function openPlan() {
const box = byId("plan-text");
if (plan.text !== null || !byId("plan").open) return;
try {
plan.text = (await ask("/api/v1/config")).yaml;
box.value = plan.text;
} catch (error) {
showPlanFault(error.message);
}
}
function showPlanFault(...lines) {
byId("plan-answer").replaceChildren(...lines.map((words) => element("p", { class: "fault" }, visible(words))));
}
async function askPlan() {
if (plan.isAsking) return;
plan.isAsking = true;
byId("plan-ask").disabled = true;
try {
const answer = await ask("/api/v1/plan", { method: "POST", headers: { "Content-Type": "application/yaml" }, body: byId("plan-text").value });
if (answer.errors.length > 0) showPlanFault(...answer.errors);
else byId("plan-answer").replaceChildren(...answer.pools.flatMap(planOfPool), ...planNotes(answer));
} catch (error) {
showPlanFault(error.message);
}
byId("plan-ask").disabled = false;
plan.isAsking = false;
}
const MOST_MOVES = 12;
function planOfPool(pool) {
const servers = pool.servers_before === pool.servers_after ? `${pool.servers_after} servers` : `${pool.servers_before} servers now, ${pool.servers_after} then`;
const words = `${pool.exact ? "" : "about "}${share(pool.moved)} of the keys move`;
const nodes = [element("p", { class: "moved" }, element("b", {}, "Pool " + visible(pool.pool) + ": "), words, element("span", { class: "dim" }, ` (${visible(pool.placement)}, ${servers})`))];
for (const warning of pool.warnings) nodes.push(element("p", { class: "warn" }, "Warning: " + visible(warning)));
if (pool.moves.length === 0) return nodes;
const most = pool.moves[0].share;
const rows = pool.moves.slice(0, MOST_MOVES).map((move) => {
const bar = element("span", { class: "bar", "aria-hidden": "true" });
bar.style.setProperty("width", Math.max(1, 100 * move.share / most) + "%");
return element("tr", {}, element("td", { class: "mono" }, visible(move.from)), element("td", { class: "mono" }, visible(move.to)),
element("td", { class: "number" }, share(move.share)), element("td", { class: "bars" }, bar));
});
const head = element("tr", {}, ...["From", "To", "Of all keys", ""].map((text) => element("th", { scope: "col" }, text)));
nodes.push(element("table", { "aria-label": "Keys that move in pool " + visible(pool.pool) }, element("thead", {}, head), element("tbody", {}, ...rows)));
const rest = pool.moves.slice(MOST_MOVES);
if (rest.length > 0) nodes.push(element("p", { class: "note" }, `And ${rest.length} more pairs of servers: ${share(rest.reduce((sum, move) => sum + move.share, 0))}.`));
return nodes;
}
function planNotes(answer) {
const notes = [
...answer.added_pools.map((name) => `Pool ${visible(name)} is new.`),
...answer.removed_pools.map((name) => `Pool ${visible(name)} is removed.`),
...answer.warnings.map((text) => "Warning: " + visible(text)),
];
return notes.map((text) => element("p", { class: text.startsWith("Warning") ? "warn" : "note" }, text));
}
function startPlan() {
byId("plan").addEventListener("toggle", openPlan);
byId("plan-form").addEventListener("submit", (event) => {
event.preventDefault();
askPlan();
});
byId("plan-reset").addEventListener("click", () => {
plan.text = null;
byId("plan-answer").replaceChildren();
openPlan();
});
}
const CHARTS = [
{
id: "rate", title: "Requests per second", height: 168,
lines: [
{ name: "requests", class: "l0", value: (series, i) => series.at("requests", i), show: (value) => rate(value) + "/s", isFilled: true },
{ name: "errors", class: "l3 dashed", value: (series, i) => series.at("errors", i), show: (value) => rate(value) + "/s", isSparse: true },
],
scale: (values) => ({ low: 0, high: roundUp(Math.max(...values, 1)), show: (value) => short(rate(value)) }),
},
{
id: "hit", title: "Hit ratio", height: 168,
lines: [
{ name: "hits", class: "l1", value: (series, i) => hitRatio(series.at("hits", i), series.at("misses", i)), show: (value) => percent(value) },
],
scale: (values) => {
const least = Math.min(...values, 1);
const low = [0.9, 0.8, 0.6, 0.4].find((step) => step <= least) || 0;
return { low, high: 1, show: (value) => percent(value, 0) };
},
},
{
id: "latency", title: "Latency", height: 168, isLabelled: true,
lines: [
{ name: "p50", class: "l0", value: (series, i) => series.at("p50", i), show: latency },
{ name: "p99", class: "l2", value: (series, i) => series.at("p99", i), show: latency },
{ name: "p99.9", class: "l4", value: (series, i) => series.at("p999", i), show: latency },
],
scale: (values) => {
const known = values.filter((value) => value > 0);
const low = 10 ** Math.floor(Math.log10(Math.min(...known, 0.001)));
const high = 10 ** Math.ceil(Math.log10(Math.max(...known, low * 10) * 0.999999));
return { low, high, show: (value) => short(latency(value)), isLogarithmic: true };
},
},
];
const MARGIN = { left: 46, right: 8, top: 8, bottom: 20 };
const LABEL = 36; // at the right of a chart whose lines have their names there
const LABEL_HEIGHT = 12;
const reading = { index: null }; // the step that is read, counted from the left; null: the newest
function roundUp(value) {
const power = 10 ** Math.floor(Math.log10(value));
return [1, 1.5, 2, 3, 4, 5, 6, 8, 10].map((step) => step * power).find((step) => step >= value * 0.9999) || value;
}
function startCharts() {
for (const chart of CHARTS) {
chart.legend = element("ul", { class: "legend" });
for (const line of chart.lines) {
line.figure = element("span", { class: "figure" }, NONE);
chart.legend.append(element("li", {},
drawn("svg", { viewBox: "0 0 18 8", "aria-hidden": "true" }, drawn("path", { class: "line " + line.class, d: "M0 4h18" })),
element("span", {}, line.name), line.figure));
line.area = drawn("path", { class: "area " + line.class });
line.path = drawn("path", { class: "line " + line.class });
line.label = drawn("text", { class: "end" });
line.dot = drawn("circle", { class: "mark " + line.class, r: 3 });
}
chart.grid = drawn("g", { class: "grid" });
chart.cross = drawn("path", { class: "cross" });
chart.picture = drawn("svg", {
class: "chart", tabindex: 0, role: "slider", "aria-label": chart.title + ", the moment that is read",
"aria-valuemin": -STEPS + 1, "aria-valuemax": 0, "aria-orientation": "horizontal",
}, chart.grid, ...chart.lines.filter((line) => line.isFilled).map((line) => line.area),
...chart.lines.map((line) => line.path), ...chart.lines.map((line) => line.label), chart.cross, ...chart.lines.map((line) => line.dot));
chart.empty = element("p", { class: "empty", hidden: "" });
byId("charts").append(element("figure", { class: "panel", id: "chart-" + chart.id },
element("figcaption", {}, element("h3", {}, chart.title), chart.legend), element("div", { class: "plot" }, chart.picture, chart.empty)));
chart.picture.addEventListener("pointermove", (event) => read(indexAt(chart, event)));
chart.picture.addEventListener("pointerleave", () => read(null));
chart.picture.addEventListener("keydown", readByKey);
chart.picture.addEventListener("blur", () => read(null));
}
const moment = element("p", { class: "hint", id: "moment" });
byId("scope-hint").after(moment);
byId("scope-clear").addEventListener("click", () => {
select(null, null);
byId("charts-title").scrollIntoView({ block: "nearest" });
announce("Charts show all traffic");
});
selectionListeners.push(() => {
showScope();
showCharts();
});
new ResizeObserver(() => showCharts()).observe(byId("charts"));
showScope();
}
function showScope() {
const isAll = view.selected === null;
setText(byId("scope"), isAll ? "all traffic" : view.selected.kind + " " + visible(view.selected.name));
byId("scope").classList.toggle("apart", !isAll);
setHidden(byId("scope-clear"), isAll);
setHidden(byId("scope-hint"), !isAll);
}
function showCharts() {
const series = history.shown;
for (const chart of CHARTS) {
const width = chart.picture.clientWidth;
if (width > 0) drawChart(chart, series, width);
}
showReading();
}
function drawChart(chart, series, width) {
const { height } = chart;
chart.right = MARGIN.right + (chart.isLabelled ? LABEL : 0);
setAttribute(chart.picture, "viewBox", `0 0 ${width} ${height}`);
chart.width = width;
const columns = chart.lines.map((line) => Array.from({ length: series.length }, (_, i) => line.value(series, i)));
const known = columns.flat().filter(isNumber);
chart.bounds = chart.scale(known);
chart.columns = columns;
setHidden(chart.empty, known.length > 0);
setText(chart.empty, series.length === 0 ? "Waiting for values" : "No requests in this time");
drawGrid(chart, width, height);
chart.lines.forEach((line, i) => {
const { path, area } = pathOf(chart, line.isSparse ? columns[i].map((value) => value || null) : columns[i]);
setAttribute(line.path, "d", path);
if (line.isFilled) setAttribute(line.area, "d", area);
if (chart.isLabelled) showLabel(chart, line, columns[i]);
});
if (chart.isLabelled) spreadLabels(chart);
}
function spreadLabels(chart) {
let above = chart.height;
for (const { label } of chart.lines) {
if (label.textContent === "") continue;
above = Math.min(Number(label.getAttribute("y")), above - LABEL_HEIGHT);
setAttribute(label, "y", above.toFixed(1));
}
}
function showLabel(chart, line, column) {
const last = column.length - 1;
const isKnown = last >= 0 && column[last] !== null;
setText(line.label, isKnown ? line.name : "");
if (!isKnown) return;
const near = column.slice(-15).filter(isNumber);
setAttribute(line.label, "x", chart.width - chart.right + 6);
setAttribute(line.label, "y", (yOf(chart, near.reduce((sum, value) => sum + value, 0) / near.length) + 4).toFixed(1));
}
const xOf = (chart, index, length) =>
MARGIN.left + ((index + STEPS - length) / (STEPS - 1)) * (chart.width - MARGIN.left - chart.right);
function yOf(chart, value) {
const { low, high, isLogarithmic } = chart.bounds;
const part = isLogarithmic ? Math.log(Math.max(value, low) / low) / Math.log(high / low) : (value - low) / (high - low);
return chart.height - MARGIN.bottom - Math.min(1, Math.max(0, part)) * (chart.height - MARGIN.top - MARGIN.bottom);
}
function pathOf(chart, column) {
const floor = (chart.height - MARGIN.bottom).toFixed(1);
const path = [];
const area = [];
let last = null;
column.forEach((value, i) => {
if (value === null) {
if (last !== null) area.push(`V${floor}Z`);
last = null;
return;
}
const point = xOf(chart, i, column.length).toFixed(1) + " " + yOf(chart, value).toFixed(1);
path.push((last === null ? "M" : "L") + point);
area.push(last === null ? `M${point.split(" ")[0]} ${floor}L${point}` : "L" + point);
last = point;
});
if (last !== null) area.push(`V${floor}Z`);
return { path: path.join(""), area: area.join("") };
}
function drawGrid(chart, width, height) {
const marks = [];
const { low, high, show, isLogarithmic } = chart.bounds;
const values = isLogarithmic
? Array.from({ length: Math.round(Math.log10(high / low)) + 1 }, (_, i) => low * 10 ** i)
: [low, (low + high) / 2, high];
for (const value of values) marks.push({ y: yOf(chart, value), text: show(value) });
const every = width < 400 ? 5 : 2;
for (let minute = 10; minute >= 0; minute -= every) {
const x = MARGIN.left + ((10 - minute) / 10) * (width - MARGIN.left - chart.right);
const isEnd = minute === 0;
const time = hourAndMinute.format(new Date((history.now - minute * 60) * 1000));
marks.push({ x, text: isEnd ? "now" : time, anchor: isEnd ? "end" : minute === 10 ? "start" : "middle" });
}
renderList(chart.grid, marks, () => drawn("g", {}, drawn("path"), drawn("text")), (mark, { x, y, text, anchor }) => {
const [line, label] = mark.children;
if (y !== undefined) {
setAttribute(line, "d", `M${MARGIN.left} ${Math.round(y) + 0.5}H${width - chart.right}`);
setAttribute(label, "x", MARGIN.left - 6);
setAttribute(label, "y", (y + 3.5).toFixed(1));
} else {
setAttribute(line, "d", `M${Math.round(x) + 0.5} ${height - MARGIN.bottom}v4`);
setAttribute(label, "x", x.toFixed(1));
setAttribute(label, "y", height - 4);
}
setAttribute(label, "text-anchor", anchor || "end");
setText(label, text);
});
}
function read(index) {
reading.index = index;
showReading();
}
function indexAt(chart, event) {
const box = chart.picture.getBoundingClientRect();
const part = (event.clientX - box.left - MARGIN.left) / (box.width - MARGIN.left - chart.right);
const length = history.shown.length;
const index = Math.round(part * (STEPS - 1)) - (STEPS - length);
return index < 0 || index >= length ? null : index;
}
function readByKey(event) {
const length = history.shown.length;
if (length === 0) return;
const from = reading.index === null ? length - 1 : reading.index;
const targets = {
ArrowLeft: from - 1, ArrowDown: from - 1, ArrowRight: from + 1, ArrowUp: from + 1,
PageDown: from - 60, PageUp: from + 60, Home: 0, End: length - 1, Escape: null,
};
if (!Object.hasOwn(targets, event.key)) return;
event.preventDefault();
const target = targets[event.key];
read(target === null ? null : Math.min(length - 1, Math.max(0, target)));
}
function showReading() {
const length = history.shown.length;
const isReading = reading.index !== null && reading.index < length;
const index = isReading ? reading.index : length - 1;
const time = clock(history.now - (length - 1 - index));
setText(byId("moment"), isReading ? "at " + time : "");
for (const chart of CHARTS) {
if (!chart.columns) continue;
const values = chart.columns.map((column) => (index >= 0 && index < column.length ? column[index] : null));
chart.lines.forEach((line, i) => {
setText(line.figure, line.show(values[i]));
const isMarked = isReading && values[i] !== null;
line.dot.classList.toggle("on", isMarked);
if (!isMarked) return;
setAttribute(line.dot, "cx", xOf(chart, index, length).toFixed(1));
setAttribute(line.dot, "cy", yOf(chart, values[i]).toFixed(1));
});
chart.cross.classList.toggle("on", isReading);
if (isReading) setAttribute(chart.cross, "d", `M${xOf(chart, index, length).toFixed(1)} ${MARGIN.top}V${chart.height - MARGIN.bottom}`);
setAttribute(chart.picture, "aria-valuenow", index - length + 1);
const words = chart.lines.map((line, i) => line.name + " " + line.show(values[i])).join(", ");
setAttribute(chart.picture, "aria-valuetext", (isReading ? time : "now") + ": " + words);
}
}
const events = {
list: [], // oldest first
last: 0,
level: "all",
source: null,
isLive: false,
isAsking: false,
failures: 0,
redraw: 0,
};
const MOST_EVENTS = 1000;
const MOST_SHOWN = 200;
const STREAM_TRIES = 3; // without a connection, before the page asks instead
function addEvents(list) {
const fresh = list.filter((event) => event && event.seq > events.last);
if (fresh.length === 0) return;
events.list = events.list.concat(fresh).slice(-MOST_EVENTS);
events.last = fresh[fresh.length - 1].seq;
if (events.redraw === 0) {
events.redraw = window.setTimeout(() => {
events.redraw = 0;
showEvents();
}, 50);
}
}
function clearEvents() {
stopEvents();
events.list = [];
events.last = 0;
showEvents();
}
async function askEvents() {
addEvents((await ask("/api/v1/events?since=" + events.last)).events);
}
async function followEvents() {
if (events.isLive || events.isAsking || events.source !== null) return;
events.isAsking = true;
try {
await askEvents();
if (events.failures < STREAM_TRIES) openStream();
} finally {
events.isAsking = false;
showHow();
}
}
function openStream() {
if (events.source !== null || document.hidden || polling.isPaused || polling.failure !== null) return;
const source = new EventSource("/api/v1/events?since=" + events.last);
events.source = source;
source.addEventListener("open", () => {
events.isLive = true;
events.failures = 0;
showHow();
});
source.addEventListener("message", (message) => {
try {
addEvents([JSON.parse(message.data)]);
} catch {
stopEvents();
}
});
source.addEventListener("error", () => {
if (events.source !== source) return;
events.failures += 1;
stopEvents();
});
}
function stopEvents() {
if (events.source !== null) events.source.close();
events.source = null;
events.isLive = false;
showHow();
}
function showHow() {
setText(byId("events-how"), events.isLive ? "live" : events.failures >= STREAM_TRIES ? "asked every second" : "");
}
function showEvents() {
const wanted = events.list.filter((event) => events.level === "all" || event.level !== "info");
const shown = wanted.slice(-MOST_SHOWN).reverse();
const now = view.status ? view.status.now : null;
renderList(byId("events"), shown, makeEvent, (row, event) => {
const [time, sign, text, fields] = row.children;
const level = levelOf(event.level);
setText(time, clock(event.time, now));
if (isNumber(event.time)) setAttribute(time, "datetime", new Date(event.time * 1000).toISOString());
showSign(sign.firstChild, level);
setText(sign.lastChild, level.word);
setText(text, visible(event.text));
showFields(fields, event.fields || {});
});
setText(byId("events-empty"), shown.length > 0 ? "" : events.level === "all" ? "No events yet" : "No warnings");
}
function makeEvent() {
return element("li", {}, element("time"), element("span", { class: "sign" }, icon("info"), element("span", { class: "hidden" })),
element("span", { class: "text" }), element("span", { class: "fields" }));
}
function showFields(node, fields) {
const pairs = Object.entries(fields).slice(0, 12);
renderList(node, pairs, () => element("span", {}, element("span", { class: "dim" }), element("span")), (pair, [name, value]) => {
setText(pair.children[0], visible(name) + " ");
setText(pair.children[1], visible(value));
pair.classList.toggle("reason", ["cause", "reason", "why"].includes(name));
});
}
function startEvents() {
choices(byId("events-level"), [["all", "All"], ["warnings", "Warnings and errors"]], "all", (level) => {
events.level = level;
showEvents();
});
showEvents();
}
const POLL = 1000; // milliseconds
const SLOW = 5; // the ring and the hot keys: every fifth poll
const polling = {
isPaused: false,
timer: 0,
isAsking: false,
number: 0,
answeredAt: null, // performance.now() of the newest complete answer
answeredTime: null, // the same on the clock
failure: null, // the Failure of the newest poll
states: "",
};
async function poll() {
if (polling.isAsking || polling.isPaused || document.hidden) return;
polling.isAsking = true;
window.clearTimeout(polling.timer);
const begun = performance.now();
try {
const answers = await Promise.all([...["/api/v1/status", "/api/v1/servers", "/api/v1/pools"].map(ask), askHistory()]);
show(answers, performance.now());
for (const one of followUps()) one.catch(() => {});
} catch (error) {
fail(error instanceof Failure ? error : new Failure("in a form that this page does not know: " + error.message, false));
}
polling.isAsking = false;
polling.timer = window.setTimeout(poll, Math.max(50, POLL - (performance.now() - begun)));
}
async function askHistory() {
try {
return await ask(history.path);
} catch (error) {
if (error.isSilence || view.selected === null) throw error;
select(null, null);
return ask(history.path);
}
}
function show([status, { servers }, { pools }, steps], time) {
const isRestarted = view.status !== null && view.status.started !== status.started;
if (isRestarted) {
history.clear();
table.rates.clear();
poolRates.clear();
listenerRates.clear();
clearEvents();
}
view.status = status;
history.add(steps);
addServers(servers, time);
addPools(pools, time);
const isGone = view.selected !== null && view.selected.kind === "pool" && !pools.some((pool) => pool.name === view.selected.name);
if (isGone) select(null, null);
showAttention(status);
showFigures(status);
showProcess(status, time);
showCharts();
if (ring.answer !== null) showRing();
if (polling.failure !== null && polling.answeredAt !== null) announce("The proxy answers again");
polling.failure = null;
polling.answeredAt = time;
polling.answeredTime = Date.now() / 1000;
showConnection();
}
function followUps() {
const states = view.servers.map((server) => server.state).join();
const isChanged = states !== polling.states;
polling.states = states;
const isTime = polling.number % SLOW === 0;
polling.number += 1;
return [
isChanged || isTime ? askRing() : null,
isTime ? askHotkeys() : null,
followEvents(),
].filter((one) => one !== null);
}
function fail(error) {
if (polling.failure === null) {
byId("alarm").textContent = error.isSilence ? "The proxy does not answer" : "The proxy answers with an error";
stopEvents();
}
polling.failure = error;
showConnection();
}
function showConnection() {
const { isPaused, failure, answeredAt, answeredTime } = polling;
const age = answeredAt === null ? null : (performance.now() - answeredAt) / 1000;
const isLost = failure !== null;
const state = isLost ? "lost" : isPaused ? "paused" : answeredAt === null ? "waiting" : "live";
const words = { lost: "No answer", paused: "Paused", waiting: "Connecting", live: "Live" };
setAttribute(byId("link"), "class", "link " + state);
setText(byId("link-text"), words[state] + (state === "paused" && answeredTime !== null ? " at " + clock(answeredTime) : ""));
document.body.classList.toggle("stale", isLost);
setHidden(byId("outage"), !isLost);
if (!isLost) {
byId("alarm").textContent = "";
return;
}
setText(byId("outage-what"), failure.isSilence
? `The proxy does not answer: ${failure.message}.` : `The proxy answers with an error: ${failure.message}.`);
setText(byId("outage-since"), age === null
? "It has not answered since this page was opened."
: `All values below are ${duration(age)} old, from ${clock(answeredTime)}.`);
document.title = "No answer – ringroad";
}
function setPaused(isPaused) {
polling.isPaused = isPaused;
setText(byId("pause"), isPaused ? "Resume" : "Pause");
if (isPaused) {
window.clearTimeout(polling.timer);
stopEvents();
} else poll();
showConnection();
}
function start() {
startAttention();
startFigures();
startRing();
startServers();
startPools();
startCharts();
startHotkeys();
startEvents();
startLookup();
startPlan();
byId("pause").addEventListener("click", () => setPaused(!polling.isPaused));
document.addEventListener("visibilitychange", () => {
if (document.hidden) {
window.clearTimeout(polling.timer);
stopEvents();
} else poll();
});
document.addEventListener("keydown", (event) => {
const isTyping = event.target instanceof HTMLInputElement || event.target instanceof SVGElement;
if (event.key === "Escape" && !isTyping && view.selected !== null) select(null, null);
});
selectionListeners.push(poll);
window.setInterval(() => {
if (polling.failure !== null) showConnection();
}, 1000);
poll();
}
start();
})();
</script>
</body>
</html>
"""#
}
