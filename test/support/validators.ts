import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseAllDocuments } from 'yaml'
import { z } from 'zod'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))
/** What scripts/fetch-validators.sh leaves. Their versions matter, so that none on the PATH is taken. */
const FETCHED = join(ROOT, '.venv/validators')
export const CHART = join(ROOT, 'deploy/helm/weir')
/** The oldest that the chart takes, and the newest that there are schemas of. */
export const KUBERNETES_VERSIONS = ['1.30.0', '1.37.0'] as const

export interface Ran {
  readonly code: number
  readonly stdout: string
  /** On stdout and stderr. */
  readonly said: string
}

/** One object of Kubernetes. */
export const manifest = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string() }),
})
export type Manifest = z.infer<typeof manifest>

export interface ChartOptions {
  /** Values files, by path. */
  readonly files?: readonly string[]
  /** `--set`, as they are written there. */
  readonly set?: readonly string[]
}

export function helm(args: readonly string[]): Promise<Ran> {
  return run(join(FETCHED, 'helm'), args)
}

/** What `helm template` makes of the chart, as text; release and namespace are called `weir`. */
export function template({ files = [], set = [] }: ChartOptions = {}): Promise<Ran> {
  const values = [...files.flatMap(file => ['--values', file]), ...set.flatMap(one => ['--set', one])]
  return helm(['template', 'weir', CHART, '--namespace', 'weir', ...values])
}

/** The objects that the chart renders. Rejects with what helm said when it does not. */
export async function render(options?: ChartOptions): Promise<readonly Manifest[]> {
  const { code, stdout, said } = await template(options)
  if (code !== 0) throw new Error(said)
  return parseAllDocuments(stdout).map(one => manifest.parse(one.toJS()))
}

/** The one object of that kind, and of that name where there are several. */
export function the(manifests: readonly Manifest[], kind: string, name?: string): Manifest {
  const found = manifests.filter(
    one => one.kind === kind && (name ?? one.metadata.name) === one.metadata.name,
  )
  if (found.length !== 1) throw new Error(`${found.length} objects of kind ${kind} ${name ?? ''}`)
  return found[0]!
}

/** Whether Kubernetes of that version, the Prometheus Operator and cert-manager know every field of them. */
export async function kubeconform(text: string, version: string): Promise<Ran> {
  return withFile('manifests.yaml', text, file =>
    run(join(FETCHED, 'kubeconform'), [
      '-strict',
      '-summary',
      ...['-kubernetes-version', version],
      ...[
        '-schema-location',
        `${FETCHED}/schemas/{{ .NormalizedKubernetesVersion }}-local{{ .StrictSuffix }}/{{ .ResourceKind }}{{ .KindSuffix }}.json`,
      ],
      ...[
        '-schema-location',
        `${FETCHED}/schemas/{{ .Group }}/{{ .ResourceKind }}_{{ .ResourceAPIVersion }}.json`,
      ],
      file,
    ]),
  )
}

export function promtool(args: readonly string[]): Promise<Ran> {
  return run(join(FETCHED, 'promtool'), args)
}

export function hadolint(file: string): Promise<Ran> {
  return run(join(ROOT, '.venv/bin/hadolint'), ['--no-color', file])
}

/** Gives a file of that name and text, which is gone afterwards. */
export async function withFile<T>(name: string, text: string, use: (file: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'weir-deploy-'))
  try {
    const file = join(folder, name)
    await writeFile(file, text)
    return await use(file)
  } finally {
    await rm(folder, { recursive: true })
  }
}

function run(program: string, args: readonly string[]): Promise<Ran> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve({ code: 0, stdout, said: stdout + stderr })
      else if (typeof error.code === 'number') resolve({ code: error.code, stdout, said: stdout + stderr })
      else reject(new Error(`${program} does not run: \`make setup\` brings it`, { cause: error }))
    })
  })
}
