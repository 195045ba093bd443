/** A metric with the number of its series. */
interface Family {
  name: string;
  type: string;
  help: string;
  /** The number of series. */
  series: number;
}

/** The metrics of one process. */
export interface Scrape {
  text: string;
  families: Family[];
  /** The value of one series; undefined if it does not exist. Other labels are ignored. */
  value: (name: string, labels?: Record<string, string>) => number | undefined;
}

/** Parses the text format of Prometheus, as far as these tests need it. */
export function parseMetrics(text: string): Scrape {
  const families = new Map<string, Family>();
  const samples: { name: string; labels: Record<string, string>; value: number }[] = [];
  for (const line of text.split('\n')) {
    const [, kind, name = '', rest = ''] = /^# (HELP|TYPE) (\S+) (.*)$/.exec(line) ?? [];
    if (kind !== undefined) {
      const family = families.get(name) ?? { name, type: '', help: '', series: 0 };
      if (kind === 'HELP') family.help = rest;
      else family.type = rest;
      families.set(name, family);
      continue;
    }
    const [, sample = '', braces = '', value] = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line) ?? [];
    if (value === undefined) continue;
    const labels = Object.fromEntries(
      [...braces.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, label, text]) => [label, text]),
    ) as Record<string, string>;
    samples.push({ name: sample, labels, value: Number(value) });
    const family = families.get(sample) ?? families.get(sample.replace(/_(bucket|sum|count)$/, ''));
    if (family) family.series++;
  }
  return {
    text,
    families: [...families.values()],
    value: (name, labels = {}) =>
      samples.find(
        (one) =>
          one.name === name && Object.entries(labels).every(([label, text]) => one.labels[label] === text),
      )?.value,
  };
}
