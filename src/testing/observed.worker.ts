import './observe-worker.js';
import '../workers/gmsa.worker.js';
