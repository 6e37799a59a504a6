import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { connectionManagerOf, replaceCluster } from '../support/bootstrap.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { fullScrape } from '../support/full-scrape.ts'
import { renderScaling } from './scaling.ts'
import { coresAStream, DEFAULT_WINDOW, heldByWindow, size, windowCalls } from './sizing.ts'

const page = readFileSync(new URL('../../docs/scaling.md', import.meta.url), 'utf8')

test('docs/scaling.md is what `node test/bench/scaling.ts` prints', () => {
  expect(page).toBe(renderScaling())
})

test('every metric that docs/scaling.md names exists', async () => {
  const known = await fullScrape()
  const named = page.match(/\b(?:weir|process|nodejs)_[a-z_]+\b/g) ?? []
  expect(named.length).toBeGreaterThan(10)
  const unknown = named.filter(name => !new RegExp(`^# TYPE ${name} `, 'm').test(known))
  expect(unknown).toEqual([])
})

test('every key of the config that docs/scaling.md names exists', () => {
  const reference = readFileSync(new URL('../../docs/en/config.md', import.meta.url), 'utf8')
  const guardrails = readFileSync(new URL('../../docs/en/guardrails.md', import.meta.url), 'utf8')
  const keys = [
    ...['max_exchanges', 'max_bytes', 'workers', 'stream.max_held_bytes', 'stream.heartbeat_ms', 'cache.url'],
    ...['stream.window.first_chars', 'stream.window.max_chars', 'stream.window.max_held_ms'],
  ]
  for (const key of keys) expect(reference).toContain(`| \`${key}\` |`)
  for (const key of ['max_concurrent', 'max_queued']) expect(guardrails).toContain(`| \`${key}\` |`)
  for (const key of [...keys, 'max_concurrent', 'max_queued']) expect(page).toContain(key.split('.').at(-1))
})

describe('what docs/scaling.md says of Envoy', () => {
  let envoy: RunningEnvoy
  beforeAll(async () => {
    const cluster = parse(/```yaml\n(.*?)```/s.exec(page)?.[1] ?? '')
    envoy = await startEnvoy({
      mode: 'full-duplex',
      weirAddress: '127.0.0.1:1',
      upstreamAddress: '127.0.0.1:1',
      overrides: bootstrap => {
        replaceCluster(bootstrap, cluster)
        const [route] = connectionManagerOf(bootstrap).route_config.virtual_hosts[0].routes
        Object.assign(route!, { request_body_buffer_limit: 10_485_760 })
      },
    })
  })
  afterAll(() => envoy.stop())

  test('its cluster and the limit of the route load, and every stat exists', async () => {
    const named = page.match(/`(?:cluster|http)\.[a-z_.]+`/g) ?? []
    expect(named.length).toBeGreaterThan(2)
    for (const name of named) expect(await envoy.stats(name.replaceAll('`', ''))).toBe(0)
  })
})

describe('the arithmetic', () => {
  test('a window that doubles asks once for each that fills, and a last time', () => {
    expect(windowCalls(80, DEFAULT_WINDOW)).toBe(1)
    expect(windowCalls(81, DEFAULT_WINDOW)).toBe(2)
    // 80 + 160 + 320 + 640 + 1280 are full before 2,481 characters.
    expect(windowCalls(2_481, DEFAULT_WINDOW)).toBe(6)
    expect(windowCalls(2_480 + 3 * 2_000 + 1, DEFAULT_WINDOW)).toBe(9)
  })

  test('half of each window is held on average, for as long as it fills', () => {
    expect(heldByWindow(80, DEFAULT_WINDOW, 10)).toBe(50)
    // A third of the time 40, two thirds 80.
    expect(heldByWindow(240, DEFAULT_WINDOW, 0)).toBeCloseTo((40 + 2 * 80) / 3)
  })

  test('any two of three zones carry the load, and no more replicas than that takes', () => {
    const constants = {
      ...{ chunkUs: 100, exchangeUs: 1_000, guardCallUs: 500 },
      ...{ idleStreamBytes: 1_000, heldEventBytes: 10, processBytes: 1_000_000 },
    }
    const load = { streams: 10_000, secondsAStream: 10, chunksASecond: 9.8, heldEvents: 100 }
    // (980 + (1,000 + 2 × 500) / 10) µs a second.
    expect(coresAStream(load, 2, constants)).toBeCloseTo(0.00118)
    const sized = size(load, 2, { utilisation: 0.5905, zones: 3, workersAReplica: 2 }, constants)
    expect(sized.streamsAWorker).toBe(500)
    // 10,000 / 1,000 a replica, by two zones of five.
    expect(sized).toMatchObject({ replicasAZone: 5, replicas: 15, workers: 30, peakStreamsAReplica: 1_000 })
    expect(sized.streamsAReplica).toBe(667)
    expect(sized.replicaBytes).toBe(2 * 1_000_000 + 2 * 1_000 * (1_000 + 100 * 10))
    expect(sized.guardCallsASecond).toBe(2_000)
  })
})
