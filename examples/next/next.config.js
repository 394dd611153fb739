/** @type {import('next').NextConfig} */
export default {
  output: 'export', // everything runs in the browser
};
