import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const FOLDER = new URL('../../examples/', import.meta.url)

/** Every file under examples/, as `folder/name`, sorted. */
export const FILES: readonly string[] = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  .filter(entry => entry.isFile())
  .map(({ parentPath, name }) =>
    `${parentPath}/${name}`.slice(fileURLToPath(FOLDER).length).replace(/^\//, ''),
  )
  .sort()

export function pathOf(file: string): string {
  return fileURLToPath(new URL(file, FOLDER))
}

export function textOf(file: string): string {
  return readFileSync(pathOf(file), 'utf8')
}

/** The configs of a folder, without their ending: `apis` → `apis/openai-chat` … */
export function configsIn(folder: string): readonly string[] {
  return FILES.filter(file => file.startsWith(`${folder}/`) && file.endsWith('.yaml'))
    .filter(file => !file.endsWith('.cases.yaml'))
    .map(file => file.slice(0, -'.yaml'.length))
}
