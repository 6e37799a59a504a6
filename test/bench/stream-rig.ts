import { type Bootstrap, connectionManagerOf } from '../support/bootstrap.ts'
import { type RunningEnvoy, startEnvoy } from '../support/envoy.ts'
import { pin, unpin } from './cpu.ts'
import { type ServedWeir, serveWeir } from './served-weir.ts'
import { type StreamLlm, startStreamLlm } from './stream-llm.ts'

/** Envoy has a route of its own for it, without Weir. */
export const WITHOUT_WEIR = 'without-weir.bench'

/** Thousands of streams at once: this process is their clients and their LLM, Weir and Envoy are their own. */
export interface StreamRig {
  readonly weir: ServedWeir
  readonly envoy: RunningEnvoy
  readonly llm: StreamLlm
}

/** Weir has the second core to itself, all else the first: what disturbs is then on the other one. */
const [OTHERS_CORE, WEIR_CORE] = [0, 1]

/** Starts everything, and ends all of it whatever happens. */
export async function withStreamRig<T>(config: string, work: (rig: StreamRig) => Promise<T>): Promise<T> {
  await using started = new AsyncDisposableStack()
  const llm = started.adopt(await startStreamLlm(), one => one.stop())
  const weir = started.adopt(await serveWeir(config, 'probed'), one => one.stop())
  for (const pid of weir.pids) pin(pid, WEIR_CORE)
  // What this process starts from now on inherits its core.
  pin(process.pid, OTHERS_CORE)
  started.defer(() => unpin(process.pid))
  const envoy = started.adopt(
    await startEnvoy({
      mode: 'full-duplex',
      weirAddress: weir.address,
      upstreamAddress: llm.address,
      overrides: addRouteWithoutWeir,
    }),
    one => one.stop(),
  )
  return await work({ weir, envoy, llm })
}

export function addRouteWithoutWeir(bootstrap: Bootstrap): void {
  const { routes } = connectionManagerOf(bootstrap).route_config.virtual_hosts[0]
  const PER_ROUTE = 'type.googleapis.com/envoy.extensions.filters.http.ext_proc.v3.ExtProcPerRoute'
  routes.unshift({
    name: 'without-weir',
    match: { prefix: '/', headers: [{ name: ':authority', string_match: { exact: WITHOUT_WEIR } }] },
    route: { cluster: 'llm', timeout: '0s' },
    typed_per_filter_config: { 'envoy.filters.http.ext_proc': { '@type': PER_ROUTE, disabled: true } },
  })
}
