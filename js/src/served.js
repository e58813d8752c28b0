// The live map from the server of a notebook.
export function served() {
  const settings = document.getElementById("jupyter-config-data");
  if (!settings) throw new Error("no notebook server");
  const { fullLabextensionsUrl, baseUrl } = JSON.parse(settings.textContent);
  const folder = fullLabextensionsUrl ?? `${baseUrl ?? "/"}lab/extensions`;
  return import(new URL(`${folder}/footfall/static/footfall-map.js`, location.href).href);
}
