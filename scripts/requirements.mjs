/** What the tests need beyond npm: looked for, and installed by apt where that may be done. */
import { spawnSync } from 'node:child_process'
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** Looked into beside PATH: a shell without them on its PATH still has them. */
export const systemFolders = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin', '/snap/bin']

/** `python`: modules that Debian's own interpreter must import. */
export const requirements = [
  {
    name: 'Chromium',
    for: 'browser tests',
    programs: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    packages: ['chromium'],
  },
  { name: 'socat', for: 'serial ports made of pseudo-terminals', programs: ['socat'], packages: ['socat'] },
  {
    name: 'tifffile for Python',
    for: 'reading our TIFF files with another program',
    python: ['tifffile', 'numpy'],
    packages: ['python3-tifffile'],
  },
  {
    name: 'zarr for Python',
    for: 'reading our OME-Zarr files with another program',
    python: ['zarr', 'numpy'],
    packages: ['python3-zarr'],
  },
]

/** The absolute path of a program, or null. */
export function findProgram(name, env = process.env, folders = systemFolders) {
  for (const folder of [...(env.PATH ?? '').split(delimiter), ...folders]) {
    if (!folder) continue
    const path = join(folder, name)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      // Not here.
    }
  }
  return null
}

/** Debian's interpreter, which sees Debian's packages; another one earlier on the PATH does not. */
export const systemPython = '/usr/bin/python3'

export function canImport(modules, python = systemPython) {
  return spawnSync(python, ['-c', modules.map((module) => `import ${module}`).join('\n')], { stdio: 'ignore' }).status === 0
}

/** The requirements that are not met. */
export function missingRequirements({ find = findProgram, imports = canImport } = {}) {
  return requirements.filter(({ programs, python }) => (programs ? !programs.some((program) => find(program)) : !imports(python)))
}

/**
 * How the packages can be installed here: `commands` to run one after the other, and whether that needs no password (`allowed`).
 * `commands` is empty where there is no apt.
 */
export function installPlan(packages, { uid = process.getuid?.(), find = findProgram, run = quietly } = {}) {
  const apt = find('apt-get')
  if (!apt) return { commands: [], allowed: false }
  const sudo = uid === 0 ? null : find('sudo')
  const prefix = sudo ? [sudo] : []
  const allowed = uid === 0 || (sudo !== null && run([sudo, '-n', 'true']))
  // A package whose files were removed by hand counts as installed and would be left alone.
  const broken = packages.some((name) => run([find('dpkg') ?? 'dpkg', '-s', name], /^Status: install ok installed$/m))
  const install = [apt, 'install', '-y', '--no-install-recommends', ...(broken ? ['--reinstall'] : []), ...packages]
  return {
    commands: [
      [...prefix, apt, 'update'],
      [...prefix, ...install],
    ],
    allowed,
  }
}

/** The plan as a person would type it. */
export function asShell({ commands }, packages) {
  if (commands.length === 0) return `your system’s package manager: ${packages.join(' ')}`
  return commands.map((command) => command.map((word) => word.replace(/^.*\/(?=[^/]+$)/, '')).join(' ')).join(' && ')
}

function quietly([program, ...args], pattern) {
  const result = spawnSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  return result.status === 0 && (pattern === undefined || pattern.test(result.stdout))
}

/**
 * Sees to it that everything is there. `ask(question)` resolves to true for yes; absent where nobody can answer.
 * Returns true, or false after having said what to do.
 */
export async function provideRequirements({
  ci,
  ask,
  say,
  missing = () => missingRequirements(),
  plan = (packages) => installPlan(packages),
  run = ([program, ...args]) =>
    spawnSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } })
      .status === 0,
}) {
  const lacking = missing()
  if (lacking.length === 0) return true
  for (const each of lacking) say(`${each.name} is missing; it is needed for ${each.for}.`)
  const packages = [...new Set(lacking.flatMap((each) => each.packages))]
  const how = plan(packages)
  const typed = asShell(how, packages)
  const agreed = how.allowed && how.commands.length > 0 && (ci || (ask !== undefined && (await ask(`Install with “${typed}”? [y/N] `))))
  if (!agreed) {
    say(`Install what is missing with:\n\n    ${typed}\n\nand run the tests again.`)
    return false
  }
  for (const command of how.commands) {
    say(`> ${command.join(' ')}`)
    // A failing update (one dead mirror) need not keep the install from working.
    if (!run(command) && command.includes('install')) {
      say(`The installation failed. Try it yourself:\n\n    ${typed}\n`)
      return false
    }
  }
  const still = missing()
  for (const each of still) say(`${each.name} is still missing after the installation.`)
  return still.length === 0
}
