import { once } from 'node:events'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { fileOf } from './command-line.ts'
import { serveReal as serve } from './real-program.ts'

const ANY_PORTS = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']

describe('weir serve', () => {
  it('serves the embedded config until SIGTERM, then drains and exits 0', async () => {
    const weir = serve(ANY_PORTS)
    const { listen, admin } = await weir.until('serving')
    expect(listen).toMatch(/^127\.0\.0\.1:\d+$/)
    const ready = await fetch(`http://${admin}/readyz`)
    expect([ready.status, await ready.text()]).toEqual([200, 'ok'])
    const metrics = await (await fetch(`http://${admin}/metrics`)).text()
    expect(metrics).toMatch(/^weir_snapshot_info\{version="[0-9a-f]{12}"\} 1$/m)
    weir.child.kill('SIGTERM')
    expect(await weir.closed).toBe(0)
    expect(weir.lines.map(({ msg }) => msg).slice(-3)).toEqual(['serving', 'draining', 'stopped'])
    expect(weir.stderr()).toBe('')
  })

  it('serves a file, whose key shows nowhere', async () => {
    const config = fileOf(`
server: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }
guardrails: { l: { kind: lakera, api_key: $env://CANARY_KEY } }
policies: [{ name: p, guardrails: [{ use: l, action: alert, direction: both }] }]
`)
    const weir = serve(['--config', config], { CANARY_KEY: 'canary-abcdef' })
    const { admin } = await weir.until('serving')
    const page = await (await fetch(`http://${admin}/config`)).text()
    expect(page).toContain('"api_key": "***"')
    weir.child.kill('SIGINT')
    expect(await weir.closed).toBe(0)
    expect(weir.lines.filter(({ msg }) => msg === 'config warning')).toMatchObject([
      { level: 'warn', warning: expect.stringContaining('holds event streams back') },
    ])
    expect(page + JSON.stringify(weir.lines) + weir.stderr()).not.toContain('canary-abcdef')
  })

  it('ends with code 2 when the file for its decisions cannot be opened', async () => {
    const config = fileOf('server: { log: { decisions: { file: /dev/null/x.log } } }\npolicies: []\n')
    const weir = serve(['--config', config, ...ANY_PORTS])
    expect(await weir.closed).toBe(2)
    expect(weir.stderr()).toContain('server.log.decisions.file: cannot open /dev/null/x.log: ')
  })

  it('ends with every problem and code 2 when the config does not hold', async () => {
    const weir = serve(['--config', fileOf('policies: [{ name: p, deny_code: 503 }]\nunmatched: no')])
    expect(await weir.closed).toBe(2)
    expect(weir.stderr()).toMatch(
      /2 problems\n {2}line 1: policies\.0\.deny_code: .*\n {2}line 2: unmatched: /,
    )
    expect(weir.lines).toEqual([])
  })

  it.each(['--listen', '--admin'])('ends with one line and code 1 when %s is taken', async option => {
    const blocker = createServer().listen(0, '127.0.0.1')
    try {
      await once(blocker, 'listening')
      const address = blocker.address()
      const taken = `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
      const args = ['--listen', '127.0.0.1:0', '--admin', '127.0.0.1:0']
      args[args.indexOf(option) + 1] = taken
      const weir = serve(args)
      expect(await weir.closed).toBe(1)
      const said = weir
        .stderr()
        .split('\n')
        .filter(line => line.startsWith('weir: '))
      expect(said).toEqual([expect.stringContaining(`cannot listen on ${taken}`)])
      expect(weir.lines).toEqual([])
    } finally {
      blocker.close()
    }
  })
})
