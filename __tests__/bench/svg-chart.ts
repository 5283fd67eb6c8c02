export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly dashed?: boolean;
  /** The place of its colour; its own place in the list unless said. Two of one colour are a pair. */
  readonly colour?: number;
}

export interface Axis {
  readonly label: string;
  readonly scale: 'linear' | 'log';
}

export interface Chart {
  readonly title: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly series: readonly Series[];
}

const WIDTH = 860;
const HEIGHT = 420;
const PLOT = { left: 70, top: 50, right: 610, bottom: 360 } as const;
const LEGEND = { left: 635, lineHeight: 24 } as const;

/** Told apart with any kind of colour vision, on white and on black. */
const LIGHT = ['#0b62c4', '#c2410c', '#15803d', '#7e22ce', '#a16207', '#0e7490', '#be185d', '#475569'];
const DARK = ['#6cb2ff', '#ff9d66', '#5fd98a', '#cf9bff', '#f0c24b', '#55d3e6', '#ff8bc0', '#b6c2d1'];

const style = (): string => {
  const colours = (list: readonly string[]): string =>
    list.map((colour, index) => `.c${index}{stroke:${colour}} .f${index}{fill:${colour}}`).join(' ');
  const theme = (back: string, ink: string, line: string): string =>
    `.back{fill:${back}} text{fill:${ink}} .grid{stroke:${line}} .axis{stroke:${ink}}`;
  return `<style>
text{font:13px system-ui,sans-serif} .title{font-size:16px;font-weight:600} .grid,.axis{stroke-width:1} .line{fill:none;stroke-width:2}
${theme('#ffffff', '#1f2933', '#d9dee5')} ${colours(LIGHT)}
@media (prefers-color-scheme: dark){${theme('#12161c', '#e2e8f0', '#333c48')} ${colours(DARK)}}
</style>`;
};

const escaped = (text: string): string => text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;');
const said = (value: number): string => value.toLocaleString('en', { maximumSignificantDigits: 4 });
const at = (value: number): string => value.toFixed(1);

interface Scale {
  readonly ticks: readonly number[];
  /** 0 to 1. */
  place(value: number): number;
}

const linearScale = (highest: number): Scale => {
  const rough = highest / 5;
  const decade = 10 ** Math.floor(Math.log10(rough));
  const step = decade * ([1, 2, 5, 10].find((factor) => factor * decade >= rough) ?? 10);
  const top = Math.ceil(highest / step) * step;
  const ticks = Array.from({ length: Math.round(top / step) + 1 }, (_, index) => index * step);
  return { ticks, place: (value) => value / top };
};

const logScale = (lowest: number, highest: number): Scale => {
  const from = Math.floor(Math.log10(lowest));
  const to = Math.max(from + 1, Math.ceil(Math.log10(highest)));
  const ticks = Array.from({ length: to - from + 1 }, (_, index) => 10 ** (from + index));
  return { ticks, place: (value) => (Math.log10(value) - from) / (to - from) };
};

const scaleOf = (axis: Axis, values: readonly number[]): Scale => {
  const used = values.filter((value) => axis.scale === 'linear' || value > 0);
  if (used.length === 0) return linearScale(1);
  return axis.scale === 'log' ? logScale(Math.min(...used), Math.max(...used)) : linearScale(Math.max(...used, Number.EPSILON));
};

/** A line chart as a file of its own, to be read on light and on dark pages. */
export const svgChart = (chart: Chart): string => {
  const points = chart.series.flatMap((series) => series.points);
  const x = scaleOf(
    chart.x,
    points.map(([value]) => value),
  );
  const y = scaleOf(
    chart.y,
    points.map(([, value]) => value),
  );
  const across = (value: number): number => PLOT.left + x.place(value) * (PLOT.right - PLOT.left);
  const down = (value: number): number => PLOT.bottom - y.place(value) * (PLOT.bottom - PLOT.top);

  const grid = [
    ...x.ticks.map((tick) => {
      const place = at(across(tick));
      return `<path class="grid" d="M${place} ${PLOT.top}V${PLOT.bottom}"/><text x="${place}" y="${PLOT.bottom + 20}" text-anchor="middle">${said(tick)}</text>`;
    }),
    ...y.ticks.map((tick) => {
      const place = at(down(tick));
      return `<path class="grid" d="M${PLOT.left} ${place}H${PLOT.right}"/><text x="${PLOT.left - 8}" y="${Number(place) + 4}" text-anchor="end">${said(tick)}</text>`;
    }),
  ];
  const lines = chart.series.map((series, index) => {
    const colour = (series.colour ?? index) % LIGHT.length;
    const dash = series.dashed ? ' stroke-dasharray="6 4"' : '';
    const path = series.points.map(([px, py], place) => `${place === 0 ? 'M' : 'L'}${at(across(px))} ${at(down(py))}`).join('');
    const dots = series.points
      .map(([px, py]) => `<circle class="f${colour}" cx="${at(across(px))}" cy="${at(down(py))}" r="3"/>`)
      .join('');
    const row = PLOT.top + 10 + index * LEGEND.lineHeight;
    return [
      `<path class="line c${colour}"${dash} d="${path}"/>${dots}`,
      `<path class="line c${colour}"${dash} d="M${LEGEND.left} ${row}h28"/><text x="${LEGEND.left + 36}" y="${row + 4}">${escaped(series.name)}</text>`,
    ].join('');
  });
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="${escaped(chart.title)}">
${style()}
<rect class="back" width="${WIDTH}" height="${HEIGHT}"/>
<text class="title" x="${PLOT.left}" y="28">${escaped(chart.title)}</text>
${grid.join('\n')}
<path class="axis" fill="none" d="M${PLOT.left} ${PLOT.top}V${PLOT.bottom}H${PLOT.right}"/>
<text x="${(PLOT.left + PLOT.right) / 2}" y="${HEIGHT - 14}" text-anchor="middle">${escaped(chart.x.label)}</text>
<text transform="translate(20 ${(PLOT.top + PLOT.bottom) / 2}) rotate(-90)" text-anchor="middle">${escaped(chart.y.label)}</text>
${lines.join('\n')}
</svg>
`;
};
