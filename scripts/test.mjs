/**
 * `npm test [-- <filter> …]`: everything that is checked. Ends with a line `N passed, N failed`; exit code 1 after a failure, 2 where
 * something the tests need is missing. With a filter only the tests that match it run, without lint, types and Python.
 */
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { ensureFresh, root } from './fresh.mjs'
import { canImport, provideRequirements, systemFolders, systemPython } from './requirements.mjs'

const args = process.argv.slice(2)
const say = (text) => console.log(text)
const ci = Boolean(process.env.CI) && process.env.CI !== 'false'
const counts = { passed: 0, failed: 0, skipped: [] }

async function ask(question) {
  const terminal = createInterface({ input: process.stdin, output: process.stdout })
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim())
  } finally {
    terminal.close()
  }
}

/** Runs a program with its output shown; true if it ended well. */
function run(program, programArgs, options = {}) {
  return new Promise((resolve) => {
    const child = spawn(program, programArgs, { cwd: root, stdio: ['ignore', 'inherit', 'inherit'], ...options })
    child.on('error', (error) => {
      say(error.message)
      resolve(false)
    })
    child.on('close', (code) => resolve(code === 0))
  })
}

/** One check that counts as one test. */
async function check(name, task) {
  say(`\n── ${name}`)
  const passed = await task()
  if (passed) counts.passed++
  else counts.failed++
  say(passed ? `${name}: passed` : `${name}: FAILED`)
  return passed
}

const node = (script, ...scriptArgs) => run(process.execPath, [join(root, 'node_modules', script), ...scriptArgs])

async function training() {
  const folder = join(root, 'models', 'training')
  if (!existsSync(join(folder, 'tests'))) return
  if (!canImport(['torch', 'numpy'])) {
    counts.skipped.push('Training code (Python): python3-torch is not installed; “apt-get install python3-torch” adds it')
    return
  }
  await check('Training code (Python)', () => run(systemPython, ['-m', 'unittest', 'discover', '-s', 'tests', '-t', '.'], { cwd: folder }))
}

/** Counts what vitest ran, file by file: a file that cannot even be loaded is a failure too. */
const reporter = {
  onTestRunEnd(modules, unhandled) {
    for (const module of modules) {
      let failed = 0
      for (const test of module.children.allTests()) {
        const { state, note } = test.result()
        if (state === 'passed') counts.passed++
        else if (state === 'failed') failed++
        else counts.skipped.push(`${module.relativeModuleId} › ${test.fullName}${note ? `: ${note}` : ''}`)
      }
      // Errors in loading a file or in its hooks belong to no test.
      if (failed === 0 && module.state() === 'failed') failed = 1
      counts.failed += failed
    }
    counts.failed += unhandled.length
  },
}

async function vitest() {
  say('\n── Tests')
  const { parseCLI, startVitest } = await import('vitest/node')
  const { filter, options } = parseCLI(['vitest', 'run', ...args])
  const instance = await startVitest('test', filter, { ...options, run: true, watch: false, root, reporters: ['default', reporter] })
  await instance.close()
  if (counts.passed + counts.failed === 0) {
    say('No test matches.')
    counts.failed++
  }
}

function summary() {
  if (counts.skipped.length > 0) say(`\nSkipped:\n${counts.skipped.map((each) => `  ${each}`).join('\n')}`)
  say(`\n${counts.passed} passed, ${counts.failed} failed${counts.skipped.length > 0 ? `, ${counts.skipped.length} skipped` : ''}`)
}

// What was found outside the PATH must be found by the tests as well.
const path = (process.env.PATH ?? '').split(delimiter)
process.env.PATH = [...path, ...systemFolders.filter((folder) => !path.includes(folder))].join(delimiter)

const terminal = process.stdin.isTTY && process.stdout.isTTY
if (!(await provideRequirements({ ci, say, ask: terminal ? ask : undefined }))) process.exit(2)

const whole = args.length === 0
const built = await check('Build', async () => {
  try {
    await ensureFresh({ say })
    return true
  } catch (error) {
    say(error.message)
    return false
  }
})
if (whole) {
  await check('Lint and format', () => node('@biomejs/biome/bin/biome', 'check', '.'))
  await check('Types', () => node('vue-tsc/bin/vue-tsc.js', '--noEmit'))
}
if (built) await vitest()
if (whole) await training()
summary()
process.exitCode = counts.failed > 0 ? 1 : 0
