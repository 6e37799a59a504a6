import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, describe, expect, it } from 'vitest'
import { findEnvoy } from '../../scripts/envoy-binary.ts'
import { bootstrapFile, ENVOY_MODES, extProcOf } from '../support/bootstrap.ts'
import { type EnvoyOptions, type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { type PassThroughProcessor, startPassThrough } from '../support/pass-through-processor.ts'
import { gate, startUpstream, type Upstream } from '../support/upstream.ts'

/** A port that nothing listens on: 1 is reserved. */
const NOBODY = '127.0.0.1:1'
const MIB = 1024 * 1024

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function envoyWith(options: EnvoyOptions): Promise<RunningEnvoy> {
  const envoy = await startEnvoy(options)
  cleanups.push(() => envoy.stop())
  return envoy
}

async function upstreamWith(protocol: 'http1' | 'http2' = 'http1'): Promise<Upstream> {
  const upstream = await startUpstream({ protocol })
  cleanups.push(() => upstream.stop())
  return upstream
}

async function passThrough(): Promise<PassThroughProcessor> {
  const processor = await startPassThrough()
  cleanups.push(() => processor.stop())
  return processor
}

describe.each(ENVOY_MODES)('the %s bootstrap', mode => {
  it('is valid as it stands, addresses and all', async () => {
    const binary = findEnvoy()
    // Without a binary the Docker driver is in use, and starting Envoy with the file is the validation.
    if (!binary) return void (await envoyWith({ mode, weirAddress: NOBODY, upstreamAddress: NOBODY }))
    const run = promisify(execFile)(binary, ['--mode', 'validate', '-c', fileURLToPath(bootstrapFile(mode))])
    await expect(run).resolves.toBeDefined()
  })

  it('serves on ports of its own and is gone after stop', async () => {
    const envoy = await envoyWith({ mode, weirAddress: NOBODY, upstreamAddress: NOBODY })
    expect((await fetch(`${envoy.adminUrl}/ready`)).status).toBe(200)
    await envoy.stop()
    await expect(fetch(`${envoy.adminUrl}/ready`)).rejects.toThrow('fetch failed')
    await expect(fetch(envoy.address)).rejects.toThrow('fetch failed')
  })

  it('answers 503 in the shape of an API error when Weir is not there, and asks no upstream', async () => {
    const upstream = await upstreamWith()
    const envoy = await envoyWith({ mode, weirAddress: NOBODY, upstreamAddress: upstream.address })
    const response = await fetch(`${envoy.address}/v1/chat/completions?key=not-for-logs`, {
      method: 'POST',
      body: '{"messages":[]}',
    })
    expect(response.status).toBe(503)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('x-should-retry')).toBe('false')
    expect(await response.json()).toMatchObject({ type: 'error', error: { code: 'guardrail_unavailable' } })
    expect(upstream.requests).toHaveLength(0)
    const line = await envoy.logged(/^\{.*ext_proc_error.*\}$/m)
    expect(JSON.parse(line)).toMatchObject({ route: 'llm', path: '/v1/chat/completions', status: 503 })
    expect(envoy.logs()).not.toContain('not-for-logs')
  })

  it('carries bodies of 10 MiB through Weir both ways', async () => {
    const [upstream, processor] = [await upstreamWith(), await passThrough()]
    const envoy = await envoyWith({ mode, weirAddress: processor.address, upstreamAddress: upstream.address })
    upstream.respond({ chunks: [Buffer.alloc(10 * MIB, 'b')] })
    const response = await fetch(envoy.address, { method: 'POST', body: Buffer.alloc(10 * MIB, 'a') })
    expect(response.status).toBe(200)
    expect((await response.arrayBuffer()).byteLength).toBe(10 * MIB)
    expect(upstream.requests[0]?.body.length).toBe(10 * MIB)
    for (const phase of ['request_body', 'response_body']) {
      const seen = processor.received.filter(message => message.phase === phase)
      expect(seen.reduce((sum, message) => sum + message.bodyBytes, 0)).toBe(10 * MIB)
    }
  })

  it('shows Weir the route but no credential, and logs what Weir says', async () => {
    const [upstream, processor] = [await upstreamWith(), await passThrough()]
    const envoy = await envoyWith({ mode, weirAddress: processor.address, upstreamAddress: upstream.address })
    const secret = [
      'authorization',
      'proxy-authorization',
      'cookie',
      'x-api-key',
      'api-key',
      'x-goog-api-key',
    ]
    upstream.respond({ headers: { 'set-cookie': 'session=1', 'x-plain': '1' } })
    const headers = { ...Object.fromEntries(secret.map(name => [name, 'k'])), 'x-plain': '1' }
    await fetch(envoy.address, { method: 'POST', body: '{}', headers })

    const [first, ...rest] = processor.received
    expect(first).toMatchObject({ phase: 'request_headers', attributes: { 'xds.route_name': 'llm' } })
    const names = [first, ...rest].flatMap(message => message?.headerNames ?? [])
    expect(names.filter(name => name === 'x-plain')).toHaveLength(2)
    expect(names.filter(name => [...secret, 'set-cookie'].includes(name))).toEqual([])
    expect(upstream.requests[0]?.headers).toMatchObject({ authorization: 'k', 'x-api-key': 'k' })
    const line = await envoy.logged(/^\{.*"status":200.*\}$/m)
    expect(JSON.parse(line)).toMatchObject({ weir: { note: 'passed' } })
  })

  it('cuts the answer when Weir dies in the middle of it, and lets nothing more pass', async () => {
    const [upstream, processor] = [await upstreamWith(), await passThrough()]
    const envoy = await envoyWith({ mode, weirAddress: processor.address, upstreamAddress: upstream.address })
    const weirIsGone = gate()
    upstream.respond({ chunks: ['first', weirIsGone, 'unseen'] })
    const answer = fetch(envoy.address, { method: 'POST', body: '{}' }).then(response => response.text())
    const outcome = answer.then(
      text => text,
      () => 'cut',
    )
    await upstream.request(0)
    // BUFFERED shows Weir no byte of the body before its end.
    const last = mode === 'buffered' ? 'response_headers' : 'response_body'
    await expect.poll(() => processor.received.map(message => message.phase)).toContain(last)
    processor.stop()
    weirIsGone.open()
    expect(await outcome).not.toContain('unseen')
  })
})

describe('what the bootstraps differ in', () => {
  it('is 413 in the shape of an API error for a request over the buffer, where bodies are buffered', async () => {
    const [upstream, processor] = [await upstreamWith(), await passThrough()]
    const envoy = await envoyWith({
      mode: 'buffered',
      weirAddress: processor.address,
      upstreamAddress: upstream.address,
    })
    const response = await fetch(envoy.address, { method: 'POST', body: Buffer.alloc(13 * MIB) })
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: { code: 'request_too_large' } })
    expect(upstream.requests).toHaveLength(0)
  })

  it.each(['full-duplex', 'streamed'] as const)(
    'is that %s shows Weir the trailers of a response',
    async mode => {
      const [upstream, processor] = [await upstreamWith('http2'), await passThrough()]
      const envoy = await envoyWith({
        mode,
        weirAddress: processor.address,
        upstreamAddress: upstream.address,
        upstreamProtocol: 'http2',
      })
      upstream.respond({ chunks: ['text'], trailers: { 'x-end': '1' } })
      const response = await fetch(envoy.address, { method: 'POST', body: '{}' })
      expect(await response.text()).toBe('text')
      expect(processor.received.at(-1)?.phase).toBe('response_trailers')
    },
  )
})

describe('the Envoy driver', () => {
  it('dials the Unix socket of Weir', async () => {
    const envoy = await envoyWith({
      mode: 'full-duplex',
      weirAddress: 'unix:///nowhere/weir.sock',
      upstreamAddress: NOBODY,
    })
    expect((await fetch(envoy.address)).status).toBe(503)
    expect(await envoy.stats('cluster.weir.upstream_cx_connect_fail')).toBeGreaterThan(0)
  })

  it('takes other routes and applies the overrides last', async () => {
    const envoy = await envoyWith({
      mode: 'buffered',
      weirAddress: NOBODY,
      upstreamAddress: NOBODY,
      routes: [{ name: 'fixed', match: { prefix: '/' }, direct_response: { status: 204 } }],
      overrides: bootstrap => {
        extProcOf(bootstrap).processing_mode = { request_header_mode: 'SKIP', response_header_mode: 'SKIP' }
      },
    })
    expect((await fetch(envoy.address)).status).toBe(204)
    expect(await envoy.stats('cluster.weir.upstream_cx_total')).toBe(0)
  })

  it('says why Envoy did not start', async () => {
    const broken = startEnvoy({
      mode: 'buffered',
      weirAddress: NOBODY,
      upstreamAddress: NOBODY,
      overrides: bootstrap => {
        extProcOf(bootstrap).message_timeout = 'soon'
      },
    })
    await expect(broken).rejects.toThrow(/exit code 1 while waiting for .*message_timeout/s)
  })

  it('refuses the name of a stat that Envoy does not have', async () => {
    const envoy = await envoyWith({ mode: 'buffered', weirAddress: NOBODY, upstreamAddress: NOBODY })
    await expect(envoy.stats('cluster.weir.no_such')).rejects.toThrow('no stat cluster.weir.no_such')
  })
})
