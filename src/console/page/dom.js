/**
 * The element of this id, as the page has it.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function byId(id, kind) {
  const found = document.getElementById(id)
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} ${id}`)
  return found
}

/**
 * A new element. What stands in it is text or other elements: never markup, whatever a name or a body holds.
 *
 * @param {string} tag
 * @param {Readonly<Record<string, string | undefined>>} attributes undefined ones are left out
 * @param {...(Node | string)} children
 * @returns {HTMLElement}
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== undefined) made.setAttribute(name, value)
  }
  made.append(...children)
  return made
}

/**
 * Sets a text only where it differs: what did not change is not announced again.
 *
 * @param {HTMLElement} where
 * @param {string} text
 */
export function say(where, text) {
  if (where.textContent !== text) where.textContent = text
}

/**
 * Puts values into a select, after its first option, and keeps what is chosen.
 *
 * @param {HTMLSelectElement} select
 * @param {Iterable<string>} values
 */
export function offer(select, values) {
  const wanted = [...new Set(values)].sort()
  const [first, ...rest] = [...select.options]
  if (first === undefined || wanted.join('\n') === rest.map(({ value }) => value).join('\n')) return
  const chosen = select.value
  select.replaceChildren(first, ...wanted.map(value => element('option', { value }, value)))
  select.value = chosen
  if (select.value !== chosen) select.selectedIndex = 0
}

/** @param {number | undefined} ms */
export function milliseconds(ms) {
  if (ms === undefined) return '–'
  if (ms >= 10_000) return `${(ms / 1000).toFixed(1)} s`
  return `${ms >= 100 ? Math.round(ms) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2)} ms`
}

/** @param {number} count */
export function whole(count) {
  return count.toLocaleString('en')
}

/** @param {number} count */
export function bytes(count) {
  if (count < 1024) return `${count} B`
  const units = ['KiB', 'MiB', 'GiB', 'TiB']
  let value = count / 1024
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value.toFixed(value >= 100 ? 0 : 1)} ${units[unit]}`
}
