"""The style sheet of the page: light and dark, from a phone to a wall tablet. Pure.

The colors of panels go from dark blue to yellow; each is lighter than the one before, so that people who see no red or
green can tell them apart. They are the same by day and by night.
"""

FEW_COLUMNS = 12  # of a roof: it is not as wide as the page
STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f4f5f7; --card: #ffffff; --ink: #14171c; --pale: #5a6370; --line: #dfe3e8; --edge: #8b95a3;
  --sun: #b45309; --glow: #f5a524; --good: #16794c; --bad: #b3261e; --bad-paper: #fdecea;
  --warn: #7a4d00; --warn-paper: #fff4db;
  --gap: clamp(.75rem, 1.6vw, 1.5rem);
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d1015; --card: #161a21; --ink: #eceff3; --pale: #9aa4b2; --line: #262c36; --edge: #6b7685;
    --sun: #fbbf4a; --glow: #f5a524; --good: #5fcf97; --bad: #ff9d94; --bad-paper: #3a1715;
    --warn: #ffd27a; --warn-paper: #332508;
  }
}
* { box-sizing: border-box; margin: 0; padding: 0 }
html { -webkit-text-size-adjust: 100%; text-size-adjust: 100% }
body { background: var(--paper); color: var(--ink); font: 1rem/1.4 system-ui, -apple-system, "Segoe UI", Roboto,
  "Helvetica Neue", sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: break-word }
.page { max-width: 120rem; margin: 0 auto; padding: var(--gap) }
ul { list-style: none }
i { font-style: normal }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap }
h2, h3 { font-size: 1.05rem; font-weight: 600 }
.page > * + .ecu { margin-top: calc(2 * var(--gap)) }
.head { display: flex; flex-wrap: wrap; justify-content: space-between; align-items: baseline;
  gap: 0 1rem; margin-bottom: .5rem }
.ecu > section, .page > section[aria-labelledby=roof] { margin-top: var(--gap) }

.overview { display: grid; gap: var(--gap); grid-template-columns: minmax(0, 1fr) }
.totals, .chart { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: var(--gap) }
.totals h1, .totals h2 { font-size: 1.25rem; line-height: 1.25; font-weight: 600 }
.about, .summary { color: var(--pale); font-size: .875rem }
.power { font-size: 1.75rem; color: var(--pale); line-height: 1.1; margin: .35rem 0 .6rem }
.power b { font-size: clamp(3.5rem, 15vw, 5.5rem); font-weight: 650; letter-spacing: -.03em; color: var(--ink) }
.energies { display: flex; flex-wrap: wrap; gap: .5rem 1rem }
.energies dt { color: var(--pale); font-size: .875rem }
.energies dd { color: var(--pale); white-space: nowrap }
.energies b { font-size: 1.25rem; font-weight: 600; color: var(--ink) }
.state { margin-top: .9rem; color: var(--pale); font-size: .875rem }

.marks { display: grid; gap: .5rem; order: -1 }
.page > .marks { margin-top: .5rem }
.marks:not(:has(> :not([hidden]))) { display: none }
.mark { border-radius: .6rem; padding: .6rem .8rem; border-left: .3rem solid; font-size: .9375rem }
.mark::before { content: "!"; content: "!" / ""; font-weight: 800; margin-right: .6em }
.mark[hidden] { display: none }
.bad { color: var(--bad); background: var(--bad-paper) }
.warn { color: var(--warn); background: var(--warn-paper) }

.charts { display: grid; gap: var(--gap); grid-template-columns: repeat(auto-fit, minmax(min(100%, 22rem), 1fr)) }
.chart svg { display: block; width: 100%; height: auto; margin-top: .5rem }
.chart text { font-size: 11px; fill: var(--pale) }
.end { text-anchor: end }
.middle { text-anchor: middle }
.grid { stroke: var(--line); stroke-width: 1 }
.area { fill: var(--glow); fill-opacity: .25 }
.line { fill: none; stroke: var(--sun); stroke-width: 2; stroke-linejoin: round; stroke-linecap: round }
.bar { fill: var(--glow); fill-opacity: .6 }
.bar.now { fill-opacity: 1 }
details { margin-top: .5rem; font-size: .875rem }
summary { color: var(--pale); cursor: pointer; width: fit-content }
table { border-collapse: collapse }
details th, details td { padding: .15rem 1.5rem .15rem 0; text-align: left; font-weight: 400 }
details td { text-align: right }
:focus-visible { outline: 2px solid var(--sun); outline-offset: 2px; border-radius: .3rem }

.inverters { display: grid; gap: .75rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 19rem), 1fr)) }
.inverter { background: var(--card); border: 1px solid var(--line); border-radius: 1rem; padding: .8rem; min-width: 0;
  align-items: baseline; align-content: start; display: grid; grid-template-columns: minmax(0, 1fr) auto;
  gap: .5rem .75rem }
.inverter > * { grid-column: 1 / -1 }
.inverter > h3, .inverter > h4 { grid-column: 1; font-size: 1rem; font-weight: 600; line-height: 1.25 }
.inverter > .now { grid-column: 2; text-align: right; color: var(--pale); line-height: 1.25; white-space: nowrap }
h3 > small, h4 > small { color: var(--pale); font-size: .8125rem; font-weight: 400; white-space: nowrap }
.now b { font-size: 1.125rem; color: var(--ink) }
.inverter i.sign { color: var(--bad) }
.awake i.sign { color: var(--good) }
.half i.sign, .unlisted i.sign { color: var(--warn) }
.asleep i.sign { color: var(--pale) }
.asleep, .unseen, .unlisted { background: none; border-style: dashed; border-color: var(--edge) }
.ill { border-color: var(--bad) }
.asleep > h3, .asleep > h4, .unlisted > h3, .unlisted > h4 { color: var(--pale) }
.tiles { display: grid; gap: .35rem; grid-template-columns: repeat(4, minmax(0, 1fr)) }
.n1 { grid-template-columns: minmax(0, 1fr) }
.n2 { grid-template-columns: repeat(2, minmax(0, 1fr)) }
.n3 { grid-template-columns: repeat(3, minmax(0, 1fr)) }
.tile { position: relative; border-radius: .5rem; padding: .4rem .5rem; min-height: 3.5rem; height: 100%;
  overflow: hidden; border: 1px solid transparent; line-height: 1.25 }
.tile > * { display: block; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.tile > .hidden { overflow: hidden }
.tile > span { font-size: .75rem }
.tile b { font-size: 1.0625rem; font-weight: 650 }
.tile small { font-size: .75rem }
.meta { display: flex; flex-wrap: wrap; gap: 0 .9rem; color: var(--pale); font-size: .8125rem }
.meta li { white-space: nowrap }
.tile.asleep, .tile.unseen, .tile.unknown { color: var(--pale); border: 1px dashed var(--edge) }
.tile.unseen { border-style: dotted; color: var(--bad) }

.dense { gap: .5rem; grid-template-columns: repeat(auto-fill, minmax(min(100%, 10.5rem), 1fr)) }
.dense .inverter { padding: .5rem; border-radius: .75rem; gap: .3rem }
.dense h3, .dense h4 { font-size: .875rem }
.dense h3 small, .dense h4 small { display: block; font-size: .75rem }
.dense .now b { font-size: .9375rem }
.dense .now { font-size: .8125rem }
.dense .tiles { gap: .2rem }
.dense .tile { padding: .2rem; min-height: 2.2rem; border-radius: .3rem; text-align: center }
.dense .tile b { font-size: .8125rem }
.dense .tile b i { position: absolute; clip-path: inset(50%) }
.dense .tile > span { font-size: .6875rem }
.dense:not(.direct) .tile small { display: none }
.dense.direct { grid-template-columns: repeat(auto-fill, minmax(min(100%, 15rem), 1fr)) }
.dense .tile small { font-size: .6875rem }
.dense .meta { font-size: .75rem; gap: 0 .6rem }

.wide { overflow-x: auto; position: relative; padding-bottom: .25rem }
.roof { border-spacing: .25rem; border-collapse: separate; table-layout: fixed; width: 100% }
.roof td { min-width: 3.25rem; width: 3.25rem; padding: 0 }
.roof .tile { display: flex; flex-direction: column; justify-content: center; text-align: center;
  padding: .2rem; border-radius: .3rem; width: 100%; height: auto; min-height: 3.4rem; aspect-ratio: 4 / 3 }
.roof .ill { outline: .2rem solid var(--bad); outline-offset: -.1rem }
.roof caption { height: 0 }
.roof tr > * { vertical-align: top }
.h0 { background-color: #162644; color: #fff }
.h1 { background-color: #26335f; color: #fff }
.h2 { background-color: #3b3f7b; color: #fff }
.h3 { background-color: #5c4b96; color: #fff }
.h4 { background-color: #9456a0; color: #fff }
.h5 { background-color: #c96498; color: #12151a }
.h6 { background-color: #ea7579; color: #12151a }
.h7 { background-color: #fb9153; color: #12151a }
.h8 { background-color: #ffb64b; color: #12151a }
.h9 { background-color: #fcdd61; color: #12151a }

.late .power b, .failed .power b, .late .energies b, .failed .energies b, .late .now b, .failed .now b,
.late .awake i.sign, .failed .awake i.sign,
.page:has(> .late .power, > .failed .power) > .totals b { color: var(--pale) }
.late .tile, .failed .tile, .tile.late, .tile.failed { filter: grayscale(1); background-image:
  repeating-linear-gradient(135deg, transparent 0 .4rem, color-mix(in srgb, currentcolor 16%, transparent) 0 .5rem) }

.legend { display: inline-flex; align-items: center; gap: .5rem; color: var(--pale);
  font-size: .8125rem }
.legend span { display: flex; border-radius: .25rem; overflow: hidden }
.legend i { width: clamp(.9rem, 2vw, 1.4rem); height: .7rem }

@media (max-width: 30rem) {
  .energies { gap: .5rem .75rem; font-size: .8125rem }
  .energies b { font-size: 1.0625rem }
  .energies dt { font-size: .8125rem }
  .roof .tile b { font-size: .875rem }
  .roof .tile b i { position: absolute; clip-path: inset(50%) }
  .roof .tile > span { font-size: .6875rem }
}
@media (min-width: 48rem) {
  .overview:not(:has(> .charts)) .totals, .page > .totals { display: grid; grid-template-columns: auto auto 1fr;
    gap: 0 clamp(1.5rem, 5vw, 5rem); align-items: end }
  .overview:not(:has(> .charts)) .totals > :not(.power, .energies, .state), .page > .totals > :not(.power, .energies) {
    grid-column: 1 / -1 }
}
@media (min-width: 75rem) {
  .overview:has(> .charts) { grid-template-columns: minmax(25.5rem, 2fr) minmax(0, 4fr) }
  .overview > .marks { grid-column: 1 / -1 }
}
@media (min-width: 100rem) { .chart text { font-size: 9.5px } }
@media (forced-colors: active) { .tile, .legend i { forced-color-adjust: none } }
@media print { .legend, .tile { print-color-adjust: exact } }
"""
STYLE += "".join(f".c{columns} {{ max-width: {8 * columns}rem }}\n" for columns in range(1, FEW_COLUMNS + 1))
