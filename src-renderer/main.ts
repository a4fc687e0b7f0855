import '@fontsource-variable/inter'
import './styles/tokens.css'
import './styles/base.css'
import './styles/controls.css'
import { createPinia } from 'pinia'
import { createApp } from 'vue'
import App from './App.vue'
import { Backend, backendKey } from './backend.ts'
import { connectToHost } from './connect.ts'
import { router } from './routes.ts'

const backend = new Backend(connectToHost())
const app = createApp(App)
app.provide(backendKey, backend)
app.use(createPinia())
app.use(router)
app.mount('#app')
backend.start()
