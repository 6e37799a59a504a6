import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { isMap, isSeq, parseDocument } from 'yaml'
import { ENVOY_MODES } from '../../support/bootstrap.ts'
import { weir } from './command-line.ts'

const shipped = (mode: string) =>
  readFileSync(new URL(`../../../envoy/${mode}.yaml`, import.meta.url), 'utf8')
const changes = (mode: string, printed: string) => {
  const before = shipped(mode).split('\n')
  return printed
    .split('\n')
    .filter((line, index) => line !== before[index])
    .map(line => line.trim())
}

describe.each(ENVOY_MODES)('weir envoy --mode %s', mode => {
  it('prints the shipped bootstrap', async () => {
    expect(await weir(['envoy', '--mode', mode])).toEqual({ code: 0, out: shipped(mode), err: '' })
  })

  it('changes the addresses and no other line', async () => {
    const { code, out } = await weir([
      ...['envoy', '--mode', mode, '--listen', '18080'],
      ...['--weir', '10.0.0.7:9100', '--upstream', '127.0.0.1:8001'],
    ])
    expect(code).toBe(0)
    expect(out.split('\n')).toHaveLength(shipped(mode).split('\n').length)
    expect(changes(mode, out).filter(line => !line.startsWith('#'))).toEqual([
      'socket_address: { address: 127.0.0.1, port_value: 18080 }',
      'socket_address: { address: 10.0.0.7, port_value: 9100 }',
      'socket_address: { address: 127.0.0.1, port_value: 8001 }',
    ])
    expect(out).not.toContain('127.0.0.1:9002')
  })

  it('makes each worker an endpoint of its own, whose health is watched', async () => {
    const { out } = await weir(['envoy', '--mode', mode, '--workers', '3', '--weir', 'weir.internal:9100'])
    const clusters = parseDocument(out).getIn(['static_resources', 'clusters'])
    const cluster: unknown =
      isSeq(clusters) && isMap(clusters.items[0]) ? clusters.items[0].toJSON() : undefined
    expect(cluster).toMatchObject({
      name: 'weir',
      type: 'STRICT_DNS',
      lb_policy: 'LEAST_REQUEST',
      health_checks: [{ grpc_health_check: {} }],
      load_assignment: {
        endpoints: [
          {
            lb_endpoints: [9100, 9101, 9102].map(port => ({
              endpoint: { address: { socket_address: { address: 'weir.internal', port_value: port } } },
            })),
          },
        ],
      },
    })
  })

  it('resolves names by DNS and reaches sockets by their path', async () => {
    const { out } = await weir([
      ...['envoy', '--mode', mode, '--listen', '[::]:18080'],
      ...['--weir', 'unix:///run/weir.sock', '--upstream', 'llm.internal:80'],
    ])
    expect(changes(mode, out).filter(line => !line.startsWith('#'))).toEqual([
      'socket_address: { address: "::", port_value: 18080 }',
      'pipe: { path: "/run/weir.sock" }',
      'type: STRICT_DNS',
      'socket_address: { address: "llm.internal", port_value: 80 }',
    ])
  })
})
