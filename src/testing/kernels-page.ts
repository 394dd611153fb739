// The script of demo/kernels.html, where scripts/check-kernels.mjs calls it on a host with a real GPU.
import { checkGroupMerge } from './group-merge-check.js';

declare global {
  interface Window {
    checkGroupMerge: typeof checkGroupMerge;
  }
}
window.checkGroupMerge = checkGroupMerge;
