import { once } from 'node:events'
import { connect } from 'node:http2'
import { describe, expect, test } from 'vitest'
import { requireResetSettings } from '../../../src/grpc/http2-settings.ts'
import { ENGINES } from '../../support/engine.ts'
import { policySet } from '../../support/policies.ts'
import { startWeir } from '../../support/weir.ts'

describe('a Node that ignores the reset settings', () => {
  test.each(['20.20.2', '22.19.0', '24.20.9', '25.9.0', '26.9.0'])('%s is refused', version => {
    expect(() => requireResetSettings(version)).toThrow(
      expect.objectContaining({ code: 'unsupported-runtime' }),
    )
    for (const createEngine of Object.values(ENGINES)) {
      expect(() => createEngine(new Map(), { maxMessageBytes: 1, nodeVersion: version })).toThrow(
        expect.objectContaining({ code: 'unsupported-runtime' }),
      )
    }
  })

  test.each(['24.21.0', '24.30.1', '26.10.0', '27.0.0'])('%s is one that obeys', version => {
    expect(() => requireResetSettings(version)).not.toThrow()
  })
})

test('the windows that Envoy is offered are those that large bodies need', async () => {
  const weir = await startWeir(policySet())
  const session = connect(`http://${weir.address}`)
  try {
    const [settings] = await once(session, 'remoteSettings')
    expect(settings.initialWindowSize).toBe(4 * 1024 * 1024)
    // The connection's window is raised by a WINDOW_UPDATE, which a ping comes after.
    await new Promise(resolve => session.ping(resolve))
    expect(session.state.remoteWindowSize).toBe(16 * 1024 * 1024)
  } finally {
    session.destroy()
    await weir.stop()
  }
})
