import {
  type DecisionLine,
  DecisionTotals,
  indentOf,
  readLogLine,
  showLogLine,
} from '../telemetry/decision-view.ts'
import { oneOf, readArguments } from './arguments.ts'
import type { Command } from './command.ts'
import { feedLines } from './feed-lines.ts'
import { foldLine } from './fold.ts'

const CHOICES = ['all', 'denied', 'flagged', 'failed', 'shadow'] as const

/** `weir tail`: the log on stdin, or the feed of a running Weir, as people read it. */
export const tail: Command = {
  name: 'tail',
  summary: 'show the decisions of a log on stdin or of a running Weir',
  help: `Usage: … | weir tail [options]
       weir tail --url URL [options]

Reads Weir's log on stdin and shows one line per decision: what reached the client, or the upstream, and why; warnings
beside it, and what was wrong; and a sum at the end. Never content: there is none in the log. With --url it reads the
feed of a running Weir whose config has server.console.access read_only or full: every decision, also those that the log
leaves out. A terminal that is narrow gets the first eight digits of an exchange's id, and shorter words, before a line
is broken.

  kubectl logs -f deploy/weir | weir tail
  kubectl port-forward deploy/weir 9090 & weir tail --url http://127.0.0.1:9090
  tail -F /var/log/weir.log | weir tail --only denied

Options:
  --url URL      the admin address of a running Weir
  --policy NAME  only decisions of this policy
  --only WHAT    all (the default), denied, flagged: some guardrail flagged, whatever it led to,
                 failed: some guardrail failed,
                 or shadow: something stricter would have come of it, had a rule been set otherwise

Exit codes:
  0  stdin or the feed has ended, or a signal came
  1  nothing answers at the URL, or the feed broke off
  2  the command line does not hold, or there is no feed at the URL
`,
  async run(args, io) {
    const { options } = readArguments(args, { options: ['url', 'policy', 'only'], fewest: 0, most: 0 })
    const only = oneOf('only', options.only ?? 'all', CHOICES)
    const totals = new DecisionTotals()
    const stop = new AbortController()
    const unwatch = io.onStopSignal(() => stop.abort())
    try {
      const lines =
        options.url === undefined ? io.stdinLines(stop.signal) : feedLines(options.url, stop.signal)
      for await (const text of lines) {
        const line = readLogLine(text)
        if (line === undefined) continue
        if (line.kind === 'decision') {
          const { decision } = line
          if (options.policy !== undefined && decision.policy !== options.policy) continue
          totals.add(decision)
          if (!isChosen(decision, only)) continue
        }
        const columns = io.columns()
        io.stdout(`${foldLine(showLogLine(line, io.terminal, columns), columns, indentOf(columns))}\n`)
      }
    } finally {
      unwatch()
    }
    io.stdout(`${foldLine(totals.show(), io.columns(), 0)}\n`)
    return 0
  },
}

function isChosen({ effective, rules, would }: DecisionLine, only: (typeof CHOICES)[number]): boolean {
  switch (only) {
    case 'all':
      return true
    case 'denied':
      return effective === 'denied'
    case 'flagged':
      return rules.some(({ outcome }) => outcome === 'flagged')
    case 'failed':
      return rules.some(({ outcome }) => outcome === 'failure')
    case 'shadow':
      return would !== undefined
  }
}
