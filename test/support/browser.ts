import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { findProgram } from './program.ts'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome']

/** Without what a browser does on the network by itself; containers give it no sandbox. */
const ARGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--disable-dev-shm-usage',
]

/** A real Chromium, without a window. */
export function startBrowser(): Promise<Browser> {
  const executablePath = findProgram(NAMES, 'scripts/fetch-chromium.sh installs it')
  return chromium.launch({ executablePath, headless: true, args: ARGS })
}

export interface OpenedPage {
  readonly page: Page
  /** What went wrong in the page: errors, and what its policy forbids. */
  readonly troubles: readonly string[]
  /** The hosts that the page asked, with their ports. */
  readonly asked: readonly string[]
  /** Takes out of them what the test brought about. */
  forget(expected: RegExp): void
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<OpenedPage> {
  const context = await browser.newContext(options)
  const page = await context.newPage()
  const troubles: string[] = []
  const asked: string[] = []
  page.on('request', request => asked.push(new URL(request.url()).host))
  page.on('pageerror', error => troubles.push(String(error)))
  page.on('console', message => {
    if (message.type() === 'error' || message.type() === 'warning') troubles.push(message.text())
  })
  await page.goto(url)
  return {
    page,
    troubles,
    asked,
    forget(expected) {
      troubles.splice(0, troubles.length, ...troubles.filter(text => !expected.test(text)))
    },
  }
}
