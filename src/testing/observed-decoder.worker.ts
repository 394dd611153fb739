import './observe-worker.js';
import '../workers/decoder.worker.js';
