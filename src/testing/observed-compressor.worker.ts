import './observe-worker.js';
import '../workers/compressor.worker.js';
