/** A choice of series by a metric's name and labels, as it stands in PromQL. */
export interface Selector {
  readonly metric: string
  readonly matchers: readonly {
    readonly label: string
    readonly is: '=' | '!=' | '=~' | '!~'
    readonly value: string
  }[]
}

/** What one line of a scrape says there is. */
export interface Series {
  readonly metric: string
  readonly labels: Readonly<Record<string, string>>
}

const METRIC = /\b(?:weir|process|nodejs|envoy|certmanager)_[a-z_]+\b(\{[^}]*\})?/g

const GROUPED = /\b(?:by|on)\s*\(([^)]*)\)/g

export function selectorsOf(expression: string): readonly Selector[] {
  return Array.from(expression.replaceAll(GROUPED, '').matchAll(METRIC), ([text, braces = '{}']) => ({
    metric: text.slice(0, text.length - (text.endsWith('}') ? braces.length : 0)),
    matchers: Array.from(braces.matchAll(/(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"/g), ([, label, is, value]) => ({
      label: label!,
      is: is as Selector['matchers'][number]['is'],
      value: value!,
    })),
  }))
}

/** The labels that an expression groups or joins by. */
export function groupedBy(expression: string): readonly string[] {
  return Array.from(expression.matchAll(GROUPED)).flatMap(([, names]) =>
    names!.split(',').map(name => name.trim()),
  )
}

/** Of the text that Prometheus reads. */
export function seriesOf(scrape: string): readonly Series[] {
  return scrape
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [, metric = '', braces = ''] = /^(\w+)(\{.*\})?/.exec(line) ?? []
      const labels = Array.from(braces.matchAll(/(\w+)="([^"]*)"/g), ([, name, value]) => [name!, value!])
      return { metric, labels: Object.fromEntries(labels) }
    })
}

/** Whether a selector chooses something; labels that a scrape's config adds are not looked at. */
export function chooses(
  { metric, matchers }: Selector,
  series: readonly Series[],
  added: ReadonlySet<string>,
): boolean {
  return series.some(
    one =>
      one.metric === metric &&
      matchers.every(({ label, is, value }) => {
        if (added.has(label)) return true
        const has = one.labels[label]
        if (has === undefined) return false
        const equal = is.endsWith('~') ? new RegExp(`^(?:${value})$`).test(has) : has === value
        return is.startsWith('!') ? !equal : equal
      }),
  )
}
