/** Commands of the pages that a test does not run, each with its reason. All others are run. */
export const NOT_RUN: readonly { readonly command: RegExp; readonly why: string }[] = [
  {
    command: /^make\b/,
    why: 'make test is what runs this; the others install, measure for long, or take the ports of the pages; that the target is there is checked',
  },
  { command: /^(?:kubectl|helm|istioctl)\b/, why: 'there is no cluster' },
]

/** The targets of the Makefile. */
export function makeTargets(makefile: string): ReadonlySet<string> {
  return new Set([...makefile.matchAll(/^([a-z-]+):.*## /gm)].map(([, name]) => name!))
}
