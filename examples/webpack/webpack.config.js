import HtmlWebpackPlugin from 'html-webpack-plugin';

export default {
  entry: './src/main.js',
  output: { clean: true },
  plugins: [new HtmlWebpackPlugin({ template: './src/index.html' })],
  performance: { hints: false }, // ONNX Runtime's wasm is large
  devServer: { static: 'public' },
};
