/** The views. Addresses after the hash, because the page may be opened from a file-like scheme. */
import { BrainCircuit, Cpu, FileImage, Images, Microscope, Settings } from '@lucide/vue'
import type { Component } from 'vue'
import { createRouter, createWebHashHistory } from 'vue-router'

/** What the rail on the left offers, from top to bottom. */
export const railItems: readonly { readonly to: string; readonly label: string; readonly about: string; readonly icon: Component }[] = [
  { to: '/live', label: 'Live', about: 'See and steer the microscope', icon: Microscope },
  { to: '/sessions', label: 'Sessions', about: 'What was snapped and recorded', icon: Images },
  { to: '/files', label: 'Files', about: 'Enhance image files', icon: FileImage },
  { to: '/models', label: 'Models', about: 'Networks and what they were measured to do', icon: BrainCircuit },
  { to: '/devices', label: 'Devices', about: 'Connections and their state', icon: Cpu },
  { to: '/settings', label: 'Settings', about: 'Folder, formats, network, appearance', icon: Settings },
]

export const router = createRouter({
  history: createWebHashHistory(),
  routes: [
    { path: '/', redirect: '/live' },
    { path: '/live', component: () => import('./views/LiveView.vue') },
    { path: '/sessions/:id?', component: () => import('./views/SessionsView.vue') },
    { path: '/files/:job?', component: () => import('./views/FilesView.vue') },
    { path: '/models/:id?', component: () => import('./views/ModelsView.vue') },
    { path: '/devices', component: () => import('./views/DevicesView.vue') },
    { path: '/settings', component: () => import('./views/SettingsView.vue') },
    { path: '/:rest(.*)*', redirect: '/live' },
  ],
})
