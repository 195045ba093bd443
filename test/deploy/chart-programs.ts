import type { GoProgram } from '../../local/go-program.ts';

export const HELM: GoProgram = { package: 'helm.sh/helm/v3/cmd/helm', version: 'v3.22.0', program: 'helm' };
export const KUBECONFORM: GoProgram = {
  package: 'github.com/yannh/kubeconform/cmd/kubeconform',
  version: 'v0.8.0',
  program: 'kubeconform',
};
export const KUBE_SCORE: GoProgram = {
  package: 'github.com/zegl/kube-score/cmd/kube-score',
  version: 'v1.20.0',
  program: 'kube-score',
};
