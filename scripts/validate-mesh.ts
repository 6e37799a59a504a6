/**
 * What the control planes themselves say of deploy/: the CRDs' schemas and rules, Istio's own validation, and what
 * Envoy Gateway and Istio make of the manifests. The last is compared with test/fixtures/mesh/, which the tests send
 * traffic through; `--write` replaces it. Every step runs even when an earlier one failed; the exit code is 1 when any
 * did. The tools are those of scripts/fetch-mesh-tools.sh.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const TOOLS = join(ROOT, '.venv/go')
const FIXTURES = 'test/fixtures/mesh'
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024

/** GKE's kinds are left out: there is no schema of them to be had. */
const CHECKED_BY_SCHEMA = [
  'deploy/envoy-gateway/gateway.yaml',
  'deploy/envoy-gateway/weir.yaml',
  'deploy/envoy-gateway/mtls.yaml',
  'deploy/kgateway/weir.yaml',
  'deploy/agentgateway/weir.yaml',
  'deploy/istio/gateway.yaml',
  'deploy/istio/route-policy.yaml',
  'deploy/istio/sidecar-inbound.yaml',
  'deploy/istio/sidecar-outbound.yaml',
  'deploy/istio/sidecar-uds.yaml',
  'deploy/istio/waypoint.yaml',
]

interface Translation {
  /** The fixture: test/fixtures/mesh/<name>.xds.json. */
  readonly name: string
  readonly files: readonly string[]
  readonly run: (file: string) => string
}

const egctl = (file: string): string =>
  tool('egctl', [
    'x',
    'translate',
    '--from',
    'gateway-api',
    '--to',
    'xds',
    '--output',
    'json',
    '--file',
    file,
  ])
const istio = (proxy: string) => (file: string) => tool('istio-xds', ['translate', proxy, file])

const TRANSLATIONS: readonly Translation[] = [
  {
    name: 'envoy-gateway',
    files: ['deploy/envoy-gateway/gateway.yaml', 'deploy/envoy-gateway/weir.yaml'],
    run: egctl,
  },
  {
    name: 'istio-gateway',
    files: ['deploy/istio/gateway.yaml', 'deploy/istio/route-policy.yaml'],
    run: istio('router/llm/istio-ingress/192.0.2.21'),
  },
  {
    name: 'istio-sidecar-inbound',
    files: ['deploy/istio/sidecar-inbound.yaml'],
    run: istio('sidecar/llm/llm/192.0.2.21'),
  },
  {
    name: 'istio-sidecar-outbound',
    files: ['deploy/istio/sidecar-outbound.yaml'],
    run: istio('sidecar/agent/agents/192.0.2.21'),
  },
  {
    name: 'istio-waypoint',
    files: ['deploy/istio/waypoint.yaml'],
    run: istio('waypoint/llm/llm/192.0.2.21'),
  },
]

const write = process.argv.includes('--write')
const failures: string[] = []
step('schemas and rules of the CRDs', () => {
  const args = ['--local-crds', join(ROOT, '.venv/mesh-crds'), ...CHECKED_BY_SCHEMA]
  return tool('kubectl-validate', args)
})
step("Istio's validation", () => {
  const files = CHECKED_BY_SCHEMA.filter(file => file.startsWith('deploy/istio/'))
  return tool('istio-xds', ['validate', ...files])
})
for (const one of TRANSLATIONS) step(`translation ${one.name}`, () => compare(one))
console.log(failures.length > 0 ? `\nvalidate-mesh failed: ${failures.join(', ')}` : '\nvalidate-mesh passed')
process.exitCode = failures.length > 0 ? 1 : 0

function step(name: string, run: () => string): void {
  console.log(`\n== ${name}`)
  try {
    console.log(run().trim())
  } catch (error) {
    console.log(error instanceof Error ? error.message : String(error))
    failures.push(name)
  }
}

function tool(name: string, args: readonly string[]): string {
  // istiod's own switch: without it a waypoint has no services.
  const env = { ...process.env, PILOT_ENABLE_AMBIENT: 'true' }
  const options = { cwd: ROOT, env, encoding: 'utf8', maxBuffer: MAX_OUTPUT_BYTES } as const
  return execFileSync(join(TOOLS, name), args, options)
}

function compare({ name, files, run }: Translation): string {
  const fixture = join(ROOT, FIXTURES, `${name}.xds.json`)
  const folder = mkdtempSync(join(tmpdir(), 'weir-mesh-'))
  try {
    const input = join(folder, 'in.yaml')
    const texts = [`${FIXTURES}/${name}.in.yaml`, ...files].map(file =>
      readFileSync(join(ROOT, file), 'utf8'),
    )
    writeFileSync(input, texts.join('\n---\n'))
    const now = `${JSON.stringify(sorted(JSON.parse(run(input))), null, 1)}\n`
    if (write) writeFileSync(fixture, now)
    else if (now !== readFileSync(fixture, 'utf8')) {
      throw new Error(
        `${fixture} is not what it is made of now: run this with --write and read the difference`,
      )
    }
    return write ? 'written' : 'as in the fixture'
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** What is said twice the same way reads the same: keys in order, and nothing that differs from run to run. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value)
    .filter(([key]) => key !== 'lastUpdated' && key !== 'versionInfo')
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, one]) => [key, sorted(one)]))
}
