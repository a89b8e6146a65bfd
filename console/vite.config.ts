import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

// Everything is a file of its own: the page's policy lets no script and no style stand in it.
export default defineConfig({
  base: "/console/",
  plugins: [react()],
  build: {
    outDir: "../src/vedette/console",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
    target: "es2022",
  },
});
