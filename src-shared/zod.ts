/** zod, without code generation in the page: its content security policy forbids `eval`. The host checks faster with it. Import zod only from here. */
import { z } from 'zod'

z.config({ jitless: 'document' in globalThis })

export { z }
