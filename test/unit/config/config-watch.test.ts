import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type ConfigWatch, seeFiles, watchConfig, watchTimes } from '../../../src/config/config-watch.ts'
import { errorOf } from './given.ts'

const TIMES = { pollMs: 5, vaultRefreshMs: 300_000 }

let folder: string
let watch: ConfigWatch | undefined
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'weir-watch-'))
})
afterEach(() => {
  watch?.close()
  watch = undefined
  vi.useRealTimers()
  rmSync(folder, { recursive: true })
})

function fileOf(name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}

/** In one step: no look in between can see half of it. */
function put(path: string, text: string): void {
  writeFileSync(`${path}.new`, text)
  renameSync(`${path}.new`, path)
}

/** Watches, and keeps what all files said at each renewal; `renewed` resolves once that is this. */
function watching(paths: readonly string[], outcomes: ('done' | 'failed')[] = []) {
  const renewals: string[] = []
  const waiting = new Set<() => void>()
  const files = seeFiles(paths)
  const begin = () => {
    watch = watchConfig(
      () => ({ files, vault: 'unused' }),
      TIMES,
      async () => {
        renewals.push(paths.map(path => (existsSync(path) ? readFileSync(path, 'utf8') : 'none')).join(' '))
        for (const look of [...waiting]) look()
        return outcomes.shift() ?? 'done'
      },
    )
  }
  const renewed = (...expected: readonly string[]): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = () => {
        if (renewals.length < expected.length) return
        waiting.delete(look)
        if (renewals.join() === expected.join()) resolve()
        else reject(new Error(`renewed with ${renewals.join()}`))
      }
      waiting.add(look)
      look()
    })
  return { begin, renewed }
}

/** Resolves when another watch, which looks as often, has looked ten times. */
async function manyLooks(): Promise<void> {
  const looked = Promise.withResolvers<void>()
  let left = 10
  const path = fileOf('other', '')
  const other = watchConfig(
    () => ({ files: new Map([[path, 'never seen']]), vault: 'unused' }),
    TIMES,
    async () => {
      left -= 1
      if (left === 0) looked.resolve()
      return 'failed'
    },
  )
  await looked.promise
  other.close()
}

describe('a config that is watched', () => {
  it('is renewed once for a change, and again for the next', async () => {
    const path = fileOf('key', 'one')
    const { begin, renewed } = watching([path])
    begin()
    put(path, 'two')
    await renewed('two')
    await manyLooks()
    put(path, 'three')
    await renewed('two', 'three')
  })

  it('is renewed when a link is turned to another directory, as Kubernetes turns it', async () => {
    for (const [version, key] of [
      ['v1', 'one'],
      ['v2', 'two'],
    ] as const) {
      mkdirSync(join(folder, version))
      writeFileSync(join(folder, version, 'key'), key)
    }
    symlinkSync('v1', join(folder, '..data'))
    symlinkSync('..data/key', join(folder, 'key'))
    const { begin, renewed } = watching([join(folder, 'key')])
    begin()
    symlinkSync('v2', join(folder, '..data_tmp'))
    renameSync(join(folder, '..data_tmp'), join(folder, '..data'))
    await renewed('two')
  })

  it('is renewed when a file goes and comes back', async () => {
    const path = fileOf('key', 'one')
    const { begin, renewed } = watching([path])
    begin()
    unlinkSync(path)
    await renewed('none')
    put(path, 'one')
    await renewed('none', 'one')
  })

  it('is renewed for what changed between the first look and the start', async () => {
    const path = fileOf('key', 'one')
    const { begin, renewed } = watching([path])
    put(path, 'two')
    begin()
    await renewed('two')
  })

  it('is renewed once for files that changed together', async () => {
    const paths = [fileOf('a', 'one'), fileOf('b', 'one')]
    const { begin, renewed } = watching(paths)
    for (const path of paths) put(path, 'two')
    begin()
    await renewed('two two')
    put(paths[0]!, 'three')
    await renewed('two two', 'three two')
  })

  it('is renewed again until a renewal has not failed', async () => {
    const path = fileOf('key', 'one')
    const { begin, renewed } = watching([path], ['failed', 'failed', 'done'])
    begin()
    put(path, 'two')
    await renewed('two', 'two', 'two')
    put(path, 'three')
    await renewed('two', 'two', 'two', 'three')
  })
})

describe('a config that is watched over time', () => {
  const VAULT = () => ({ files: new Map<string, string>(), vault: 'asked' as const })
  const times = { pollMs: 1000, vaultRefreshMs: 10_000 }

  it('has Vault asked again when it is due, one renewal at a time', async () => {
    vi.useFakeTimers()
    const running: PromiseWithResolvers<'done'>[] = []
    watch = watchConfig(VAULT, times, () => {
      running.push(Promise.withResolvers())
      return running.at(-1)!.promise
    })
    await vi.advanceTimersByTimeAsync(9_999)
    expect(running).toHaveLength(0)
    await vi.advanceTimersByTimeAsync(1)
    expect(running).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(running).toHaveLength(1)
    running[0]!.resolve('done')
    await vi.advanceTimersByTimeAsync(9_999)
    expect(running).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1_001)
    expect(running).toHaveLength(2)
  })

  it('is not renewed after the watch was closed', async () => {
    vi.useFakeTimers()
    const renew = vi.fn(async () => 'failed' as const)
    watch = watchConfig(VAULT, times, renew)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(renew).toHaveBeenCalledTimes(1)
    watch.close()
    await vi.advanceTimersByTimeAsync(100_000)
    expect(renew).toHaveBeenCalledTimes(1)
  })

  it('is let go of when the renewal under way is over, and not before', async () => {
    vi.useFakeTimers()
    const { promise, resolve } = Promise.withResolvers<'done'>()
    const renew = vi.fn(() => promise)
    watch = watchConfig(VAULT, times, renew)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(renew).toHaveBeenCalledTimes(1)
    let state = 'open'
    const closed = watch.close().then(() => {
      state = 'closed'
    })
    await vi.advanceTimersByTimeAsync(100_000)
    expect(state).toBe('open')
    resolve('done')
    await closed
    await vi.advanceTimersByTimeAsync(100_000)
    expect(renew).toHaveBeenCalledTimes(1)
  })

  it('sets no timer where nothing can change', () => {
    vi.useFakeTimers()
    watch = watchConfig(
      () => ({ files: new Map(), vault: 'unused' }),
      times,
      async () => 'done',
    )
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('a renewal that is asked for', () => {
  const NOTHING = () => ({ files: new Map<string, string>(), vault: 'unused' as const })
  const times = { pollMs: 1000, vaultRefreshMs: 10_000 }

  it('comes although nothing has changed, and says that it was asked for', async () => {
    const causes: string[] = []
    watch = watchConfig(NOTHING, times, async cause => {
      causes.push(cause)
      return 'done'
    })
    watch.renewNow()
    await vi.waitFor(() => expect(causes).toEqual(['asked']))
  })

  it('comes once more where one is under way, however often it is asked for', async () => {
    const running: PromiseWithResolvers<'done'>[] = []
    watch = watchConfig(NOTHING, times, () => {
      running.push(Promise.withResolvers())
      return running.at(-1)!.promise
    })
    watch.renewNow()
    await vi.waitFor(() => expect(running).toHaveLength(1))
    for (let asked = 0; asked < 3; asked++) watch.renewNow()
    running[0]!.resolve('done')
    await vi.waitFor(() => expect(running).toHaveLength(2))
    running[1]!.resolve('done')
    const closed = watch.close()
    watch.renewNow()
    await closed
    expect(running).toHaveLength(2)
  })

  it('has what another config brings along watched from then on', async () => {
    let files = new Map<string, string>()
    const path = fileOf('key', 'one')
    const causes: string[] = []
    watch = watchConfig(
      () => ({ files, vault: 'unused' }),
      TIMES,
      async cause => {
        causes.push(cause)
        files = new Map(seeFiles([path]))
        return 'done'
      },
    )
    watch.renewNow()
    await vi.waitFor(() => expect(causes).toEqual(['asked']))
    put(path, 'two')
    await vi.waitFor(() => expect(causes).toEqual(['asked', 'due']))
  })
})

describe('how often a config is looked at', () => {
  it("comes from the environment, or is Weir's own", () => {
    expect(watchTimes({})).toEqual({ pollMs: 5000, vaultRefreshMs: 300_000 })
    expect(watchTimes({ WEIR_SECRET_POLL_MS: '50', VAULT_REFRESH_MS: '1000' })).toEqual({
      pollMs: 50,
      vaultRefreshMs: 1000,
    })
  })

  it.each(['0', '-1', '1.5', 'soon', '2147483648', '1e3'])('refuses %s', text => {
    expect(errorOf(() => watchTimes({ VAULT_REFRESH_MS: text })).problems).toEqual([
      { path: '', message: 'VAULT_REFRESH_MS must be a whole number from 1 to 2147483647' },
    ])
  })
})
