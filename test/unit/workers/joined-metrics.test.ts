import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { describe, expect, test } from 'vitest'
import { JoinedMetrics } from '../../../src/workers/joined-metrics.ts'
import { readFromWorker, type WorkerMetrics } from '../../../src/workers/messages.ts'

/** What one worker has counted, as it comes through the channel between processes. */
async function counted(requests: number, open: number, seconds: readonly number[]): Promise<WorkerMetrics> {
  const registry = new Registry()
  const registers = [registry]
  new Counter({ name: 'requests_total', help: 'r', labelNames: ['end'], registers }).inc(
    { end: 'done' },
    requests,
  )
  new Gauge({ name: 'open', help: 'o', registers }).set(open)
  const histogram = new Histogram({ name: 'took_seconds', help: 't', buckets: [1, 2], registers })
  for (const second of seconds) histogram.observe(second)
  const metrics: unknown = JSON.parse(JSON.stringify(await registry.getMetricsAsJSON()))
  const message = readFromWorker({ kind: 'metrics', request: 1, metrics })
  if (message?.kind !== 'metrics') throw new Error('the message did not come through')
  return message.metrics
}

const lines = async (joined: JoinedMetrics) =>
  (await joined.render()).split('\n').filter(line => line !== '' && !line.startsWith('#'))

describe('metrics of several workers', () => {
  test('are those of one process', async () => {
    const joined = new JoinedMetrics()
    joined.tell(0, await counted(3, 2, [0.5]))
    joined.tell(1, await counted(4, 1, [1.5, 3]))
    expect(await lines(joined)).toEqual([
      'requests_total{end="done"} 7',
      'open 3',
      'took_seconds_bucket{le="1"} 1',
      'took_seconds_bucket{le="2"} 2',
      'took_seconds_bucket{le="+Inf"} 3',
      'took_seconds_sum 5',
      'took_seconds_count 3',
    ])
  })

  test('never shrink when a worker ends, but for what is only now', async () => {
    const joined = new JoinedMetrics()
    joined.tell(0, await counted(3, 2, [0.5]))
    joined.tell(1, await counted(4, 1, [1.5]))
    await joined.ended(1)
    expect(await lines(joined)).toContain('requests_total{end="done"} 7')
    expect(await lines(joined)).toContain('took_seconds_count 2')
    expect(await lines(joined)).toContain('open 2')
    joined.tell(1, await counted(1, 5, []))
    expect(await lines(joined)).toContain('requests_total{end="done"} 8')
    expect(await lines(joined)).toContain('open 7')
    await joined.ended(1)
    await joined.ended(1)
    expect(await lines(joined)).toContain('requests_total{end="done"} 8')
  })

  test('lose nothing when several workers end at once, nor while their last counts are joined', async () => {
    const joined = new JoinedMetrics()
    joined.tell(0, await counted(3, 2, []))
    joined.tell(1, await counted(4, 1, []))
    const ended = [joined.ended(0), joined.ended(1)]
    expect(await lines(joined)).toContain('requests_total{end="done"} 7')
    await Promise.all(ended)
    expect(await lines(joined)).toContain('requests_total{end="done"} 7')
  })

  test('are empty before any worker told', async () => expect(await lines(new JoinedMetrics())).toEqual([]))
})

test.each([undefined, 'serving', { kind: 'serving' }, { kind: 'metrics', request: 1 }, { kind: 'other' }])(
  'no message of a worker: %j',
  message => expect(readFromWorker(message)).toBeUndefined(),
)
