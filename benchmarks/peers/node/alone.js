import { listen } from './endpoints.js';

listen();
