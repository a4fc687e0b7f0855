/** WebGPU without a graphics processor: on the Vulkan driver in software that Chromium brings. */
import { existsSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { vi } from 'vitest'

/** The driver's description; undefined where there is none, and WebGPU cannot be tried. */
export const softwareVulkan = ['/usr/lib/chromium', '/usr/lib64/chromium-browser', '/opt/google/chrome']
  .map((place) => join(place, 'vk_swiftshader_icd.json'))
  .find((path) => existsSync(path))

/** Lets processes that are started from now on find the driver, until vi.unstubAllEnvs(). */
export function useSoftwareVulkan(): void {
  vi.stubEnv('VK_ICD_FILENAMES', softwareVulkan)
  // Chromium brings the loader, too, which not every machine has.
  vi.stubEnv('LD_LIBRARY_PATH', [dirname(softwareVulkan ?? ''), process.env.LD_LIBRARY_PATH].filter(Boolean).join(delimiter))
}
