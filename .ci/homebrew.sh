#!/usr/bin/env bash
# Prints a formula for Homebrew of the archives in a folder:
#
#   .ci/homebrew.sh DIST URL     URL: where the archives can be fetched
set -euo pipefail
dist=$1 url=$2
first=$(basename "$(ls "$dist"/flespi-gitops-*-x86_64-unknown-linux-gnu.tar.gz)")
version=${first#flespi-gitops-}
version=${version%-x86_64-unknown-linux-gnu.tar.gz}

bottle() {
    local archive="flespi-gitops-$version-$1.tar.gz"
    printf '      url "%s/%s"\n      sha256 "%s"\n' "$url" "$archive" "$(cut -d' ' -f1 "$dist/$archive.sha256")"
}

cat <<RUBY
class FlespiGitops < Formula
  desc "GitOps for accounts, limits and tokens of the flespi telematics platform"
  homepage "${url%/releases/*}"
  version "$version"
  license any_of: ["MIT", "Apache-2.0"]

  on_macos do
    on_arm do
$(bottle aarch64-apple-darwin)
    end
    on_intel do
$(bottle x86_64-apple-darwin)
    end
  end

  on_linux do
    on_arm do
$(bottle aarch64-unknown-linux-gnu)
    end
    on_intel do
$(bottle x86_64-unknown-linux-gnu)
    end
  end

  def install
    bin.install "flespi-gitops"
    man1.install Dir["man/*.1"]
    bash_completion.install "completions/flespi-gitops.bash" => "flespi-gitops"
    zsh_completion.install "completions/flespi-gitops.zsh" => "_flespi-gitops"
    fish_completion.install "completions/flespi-gitops.fish"
  end

  test do
    system bin/"flespi-gitops", "init", "fleet", "--ci", "none"
    system bin/"flespi-gitops", "apply", "fleet", "--platform", "sandbox", "--yes"
  end
end
RUBY
