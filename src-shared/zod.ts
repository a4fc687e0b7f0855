/** zod without code generation: the page's content security policy forbids `eval`. Import zod only from here. */
import { z } from 'zod'

z.config({ jitless: true })

export { z }
