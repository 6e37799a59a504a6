import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { createAuthority } from '../support/certificates.ts'
import { type Manifest, render, the } from '../support/validators.ts'
import { type RealServe, runReal, serveReal } from '../unit/cli/real-program.ts'

const probe = z.looseObject({ httpGet: z.strictObject({ path: z.string(), port: z.literal('weir-admin') }) })
const container = z.looseObject({
  args: z.array(z.string()),
  env: z.array(z.looseObject({ name: z.string(), value: z.string() })),
  startupProbe: probe,
  readinessProbe: probe,
  livenessProbe: probe,
  volumeMounts: z.array(z.looseObject({ name: z.string(), mountPath: z.string() })),
})
const podSpec = z.looseObject({
  containers: z.array(z.looseObject({ name: z.string() })),
  initContainers: z.array(z.looseObject({ name: z.string() })).default([]),
  volumes: z.array(
    z.looseObject({
      name: z.string(),
      configMap: z.strictObject({ name: z.string() }).optional(),
      secret: z.looseObject({ secretName: z.string() }).optional(),
    }),
  ),
})
const withPod = z.looseObject({ spec: z.looseObject({ template: z.looseObject({ spec: podSpec }) }) })
const configMap = z.looseObject({ data: z.record(z.string(), z.string()) })

type Files = Readonly<Record<string, string>>

let root: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'weir-pod-'))
})
afterEach(() => rmSync(root, { recursive: true }))

const dataOf = (manifests: readonly Manifest[], name: string): Files =>
  configMap.parse(the(manifests, 'ConfigMap', name)).data

/** A volume as the kubelet fills it: files behind a link that is turned to a new folder when they change. */
function fill(mountPath: string, version: string, files: Files): void {
  const folder = join(root, mountPath)
  const hidden = join(folder, `..${version}`)
  mkdirSync(hidden, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(hidden, name), inRoot(text))
  symlinkSync(`..${version}`, join(folder, '..new'))
  renameSync(join(folder, '..new'), join(folder, '..data'))
  if (version !== 'v1') return
  for (const name of Object.keys(files)) symlinkSync(join('..data', name), join(folder, name))
}

/** Paths of the container, below the test's own folder. */
function inRoot(text: string): string {
  return text.replaceAll(
    /(\$secret:\/\/file)?\/(etc\/weir|run\/weir|run\/tls|run\/secrets\/weir)\b/g,
    (_, secret = '', path) => `${secret}${root}/${path}`,
  )
}

/** Runs the pod's container of Weir: with its arguments, its variables and its files, on ports of the system's choice. */
function run(pod: z.infer<typeof podSpec>, volumes: Readonly<Record<string, Files>>) {
  const weir = container.parse([...pod.containers, ...pod.initContainers].find(({ name }) => name === 'weir'))
  for (const { name, mountPath } of weir.volumeMounts) {
    const volume = pod.volumes.find(one => one.name === name)
    const source = volume?.configMap?.name ?? volume?.secret?.secretName
    if (source === undefined) mkdirSync(join(root, mountPath), { recursive: true })
    else if (volumes[source]) fill(mountPath, 'v1', volumes[source])
  }
  const [command, ...args] = weir.args.map(arg => inRoot(arg.replace(/^0\.0\.0\.0:\d+$/, '127.0.0.1:0')))
  expect(command).toBe('serve')
  const env = Object.fromEntries(weir.env.map(({ name, value }) => [name, inRoot(value)]))
  return { weir, program: serveReal(args, { ...env, WEIR_SECRET_POLL_MS: '20' }) }
}

async function expectProbesPass(weir: z.infer<typeof container>, program: RealServe): Promise<void> {
  const { admin } = await program.until('serving')
  for (const { httpGet } of [weir.startupProbe, weir.readinessProbe, weir.livenessProbe])
    expect((await fetch(`http://${admin}${httpGet.path}`)).status).toBe(200)
}

const podOf = (manifests: readonly Manifest[]) =>
  withPod.parse(the(manifests, 'Deployment')).spec.template.spec
const variant = (name: string) => fileURLToPath(new URL(`values/${name}.yaml`, import.meta.url))

test('what the chart renders is ready, says nothing against its config, and has ten minutes to drain', async () => {
  const manifests = await render()
  const { weir, program } = run(podOf(manifests), { weir: dataOf(manifests, 'weir') })
  await expectProbesPass(weir, program)
  expect(program.lines.filter(({ level }) => level !== 'info')).toEqual([])
  const check = runReal(['check', join(root, 'etc/weir/weir.yaml')])
  expect(await check.closed).toBe(0)
  expect(check.stderr()).toBe('')
  program.child.kill('SIGTERM')
  expect(await program.until('draining')).toMatchObject({ deadlineMs: 600_000 })
  // Nothing runs, so that it does not take them.
  expect(await program.closed).toBe(0)
})

test('a changed ConfigMap arrives without a restart', async () => {
  const manifests = await render()
  const { program } = run(podOf(manifests), { weir: dataOf(manifests, 'weir') })
  await program.until('serving')
  const changed = await render({ set: ['config.unmatched=deny'] })
  fill('/etc/weir', 'v2', dataOf(changed, 'weir'))
  await program.until('config reloaded')
})

test('with everything, it reads its key, its certificate and the CA of its proxies where they are mounted', async () => {
  const manifests = await render({ files: [variant('everything')] })
  const authority = createAuthority('ca')
  const { cert, key } = authority.issue({ dns: ['weir.weir.svc'] })
  const { weir, program } = run(podOf(manifests), {
    weir: dataOf(manifests, 'weir'),
    'weir-keys': { lakera: 'a-key-of-the-service\n' },
    'weir-tls': { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert },
  })
  await expectProbesPass(weir, program)
})

test('without its Secret it does not come up, and says what is missing', async () => {
  const manifests = await render({ files: [variant('everything')] })
  const { program } = run(podOf(manifests), { weir: dataOf(manifests, 'weir') })
  expect(await program.closed).toBe(2)
  expect(program.stderr()).toContain('/run/secrets/weir/lakera')
})

test("the sidecar's patch starts as many workers as the config says, at its socket", async () => {
  const manifests = await render({ files: [variant('sidecar')] })
  const patch = withPod.parse(parse(dataOf(manifests, 'weir-sidecar')['patch.yaml']!))
  const { weir, program } = run(patch.spec.template.spec, { weir: dataOf(manifests, 'weir') })
  await expectProbesPass(weir, program)
  const socket = `unix://${root}/run/weir/ext_proc.sock`
  expect((await program.until('serving')).listen).toEqual([socket, `${socket}.1`])
})
