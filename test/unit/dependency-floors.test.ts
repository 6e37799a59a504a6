import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'

/** Releases below these have known faults in what Weir uses of them. */
const FLOORS = [
  { name: '@grpc/grpc-js', floor: '1.14.4' },
  { name: 'undici', floor: '7.28.0' },
  { name: 'protobufjs', floor: '7.5.8' },
] as const

const lock: { packages: Record<string, { version?: string; resolved?: string }> } = JSON.parse(
  readFileSync(new URL('../../package-lock.json', import.meta.url), 'utf8'),
)

const versionsOf = (name: string) =>
  Object.entries(lock.packages).flatMap(([path, { version }]) =>
    path === `node_modules/${name}` || path.endsWith(`/node_modules/${name}`) ? [version ?? ''] : [],
  )

const isAtLeast = (version: string, floor: string): boolean => {
  const [have, want] = [version, floor].map(text => text.split('.').map(Number))
  const at = want!.findIndex((part, index) => part !== have![index])
  return at === -1 || have![at]! > want![at]!
}

test.each(FLOORS)('every $name of the lock is at least $floor', ({ name, floor }) => {
  const versions = versionsOf(name)
  expect(versions).not.toEqual([])
  expect(versions.filter(version => !isAtLeast(version, floor))).toEqual([])
})

test('versions are compared by their numbers', () => {
  expect(['1.14.4', '1.14.10', '1.15.0', '2.0.0'].map(version => isAtLeast(version, '1.14.4'))).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect(['1.14.3', '1.9.9', '0.99.0'].map(version => isAtLeast(version, '1.14.4'))).toEqual([
    false,
    false,
    false,
  ])
})

test('every direct dependency is pinned to one version', () => {
  const {
    dependencies,
    devDependencies,
  }: Record<string, Record<string, string>> = JSON.parse(
    readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
  )
  const all = Object.entries({ ...dependencies, ...devDependencies })
  expect(all.filter(([, range]) => !/^\d+\.\d+\.\d+$/.test(range))).toEqual([])
})

test('the lock names no download address', () => {
  expect(Object.entries(lock.packages).filter(([, { resolved }]) => resolved !== undefined)).toEqual([])
})
