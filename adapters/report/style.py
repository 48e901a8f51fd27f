"""How pages look: light and dark, narrow and wide, on paper. No script, no font to fetch."""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ground:#fff;--panel:#f7f8f9;--ink:#1b1d20;--soft:#565c63;
--line:#d6dade;--link:#0b57a4;--won:#0a6b36;--lost:#a3271f;--unsure:#8a5c00;--in:#d3f4df;--out:#fbdcdc}
@media(prefers-color-scheme:dark){:root{--ground:#15171a;--panel:#1f2226;--ink:#ececec;--soft:#a9afb6;
--line:#3d4248;--link:#8fc3ff;--won:#6fdc9c;--lost:#ff9c93;--unsure:#f0c15c;--in:#12492a;--out:#5a1f1f}}
*{box-sizing:border-box}
body{background:var(--ground);color:var(--ink);font:1rem/1.5 system-ui,sans-serif;max-width:74rem;
margin:0 auto;padding:1rem 1rem 4rem;overflow-wrap:anywhere}
a{color:var(--link)}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
.skip{position:absolute;left:-99rem}.skip:focus{position:static}
h1{font-size:2rem;line-height:1.2;margin:.5rem 0}
h2{font-size:1.45rem;line-height:1.25;border-top:1px solid var(--line);padding-top:1.25rem;margin:2.5rem 0 .75rem}
h3{font-size:1.1rem;line-height:1.35;margin:1.75rem 0 .5rem}
h4{margin:0;font-size:.85rem;font-weight:600;color:var(--soft)}
p,li,dd,figcaption{max-width:75ch}
nav{background:var(--ground);padding:.25rem 0}
nav ul{display:flex;flex-wrap:wrap;gap:0 1.25rem;margin:0;padding:0;list-style:none}
nav a{display:inline-block;padding:.4rem 0}
summary{cursor:pointer;padding:.4rem 0}
.soft{color:var(--soft)}.bad{color:var(--lost)}.good{color:var(--won)}
.said{white-space:pre-line}
.figures{display:grid;grid-template-columns:repeat(auto-fit,minmax(9rem,1fr));gap:.75rem;
padding:0;margin:1rem 0;list-style:none}
.figures li{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;
padding:.6rem .8rem;font-size:.9rem}
.figures strong{display:block;font-size:1.5rem;line-height:1.3;font-variant-numeric:tabular-nums}
.facts{display:grid;grid-template-columns:repeat(auto-fill,minmax(9rem,1fr));
gap:.6rem 1.5rem;margin:1rem 0}
.facts dt{font-size:.85rem;color:var(--soft)}.facts dd{margin:0}
.wide{overflow-x:auto;max-width:100%;position:relative}
table{border-collapse:collapse;overflow-wrap:normal}
td,th{padding:.35rem 1rem .35rem 0;text-align:left;vertical-align:top;border-bottom:1px solid var(--line)}
thead th{font-size:.85rem;color:var(--soft)}
.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
td.why{min-width:14rem;overflow-wrap:anywhere}
figure{margin:0}figcaption{font-size:.85rem;margin-top:.25rem}
.bars{list-style:none;padding:0;display:grid;gap:.75rem;max-width:48rem}
.bars svg{display:block;width:100%;height:1rem;background:var(--panel)}
.chart{display:block;width:100%;max-width:28rem;height:auto}
.chart text{fill:var(--soft);font-size:10px}.chart .axis{stroke:var(--line);fill:none}
.chart .ideal{stroke:var(--soft);stroke-dasharray:4 3}
.chart .best{stroke:var(--won);stroke-width:2;fill:none}.chart .dot{fill:var(--ink)}
.small{max-width:17rem}.small text{font-size:13px}
.beside{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,24rem),1fr));
gap:1rem 2rem;align-items:center}
.request header{display:flex;flex-wrap:wrap;gap:0 2rem;justify-content:space-between;align-items:center}
.kept{fill:var(--won)}.dropped{fill:var(--lost)}.undecided{fill:var(--unsure)}
.key{display:inline-block;width:.8rem;height:.8rem;vertical-align:-.05rem}
.examples{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,26rem),1fr));gap:1rem}
.example,.drafts>li{background:var(--panel);border:1px solid var(--line);border-radius:.5rem;padding:.8rem;
min-width:0;display:grid;grid-row:span 3;grid-template-rows:subgrid;gap:.6rem}
.example>*,.drafts>li>*{min-width:0}
.example p,.drafts p{margin:.35rem 0}.example h3,.request h3{margin:0}
.pair{display:grid;grid-template-columns:repeat(2,minmax(0,1fr));gap:.75rem;align-items:start;align-content:start}
.pair.edit{grid-template-columns:repeat(3,minmax(0,1fr))}
.won img{outline:3px solid var(--won)}.won>figcaption{font-weight:600;color:var(--won)}
.scores{width:100%;font-size:.9rem;overflow-wrap:anywhere}
.scores td,.scores th{padding:.2rem .5rem .2rem 0;font-weight:400}
.drafts .scores{font-size:.8rem}.drafts .scores tr>:last-child{padding-right:0}
.scores svg{display:block;width:2rem;height:.5rem;margin-top:.45rem;background:var(--line)}
.findings{padding-left:1.2rem;margin:.5rem 0}
.request{margin:2rem 0}
.drafts{display:grid;grid-template-columns:repeat(auto-fill,minmax(15rem,1fr));gap:1rem;
padding:3px;margin:.5rem 0;list-style:none}
.drafts>li{grid-row:span 5}
.drafts>li.won{outline:3px solid var(--won);outline-offset:-2px}.drafts .won img{outline:0}
.reward{font-size:1.25rem;font-variant-numeric:tabular-nums}.reward small{font-size:.85rem}
.badge{display:inline-block;background:var(--won);color:var(--ground);border-radius:1rem;
padding:0 .6rem;font-size:.85rem}
img{display:block;width:100%;max-width:16rem;height:auto;image-rendering:pixelated;
box-shadow:0 0 0 1px var(--line)}
img.fine{image-rendering:auto}
ins{background:var(--in)}del{background:var(--out)}del+ins{margin-left:.25em}
ins::before,ins::after,del::before,del::after,.unseen{position:absolute;width:1px;height:1px;overflow:hidden;
clip-path:inset(50%);white-space:nowrap}
ins::before{content:" [added] "}ins::after,del::after{content:" [end] "}del::before{content:" [struck] "}
@media(min-width:50rem){nav{position:sticky;top:0;z-index:1;border-bottom:1px solid var(--line)}
h2{scroll-margin-top:3rem}}
@media(max-width:40rem){td,th{padding-right:.7rem}td.why{min-width:9rem}h1{font-size:1.6rem}
.pair.edit{grid-template-columns:repeat(2,minmax(0,1fr))}.pair.edit .source{grid-column:1/-1;width:calc(50% - .375rem)}
.drafts{grid-template-columns:none;grid-template-rows:repeat(5,auto);grid-auto-flow:column;grid-auto-columns:15rem;
justify-content:start}}
@media print{.skip,nav{display:none}.example,.drafts>li{break-inside:avoid}}
""".strip()
