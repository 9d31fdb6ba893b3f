# Command history, temporary files and downloads of the build.
$Step = 'clean'
. "$PSScriptRoot\lib.ps1"

$found = @(
    Get-ChildItem -Path 'C:\Users\*\AppData\Roaming\Microsoft\Windows\PowerShell\PSReadLine\*_history.txt' `
        -Force -ErrorAction SilentlyContinue
    Get-ChildItem -Path 'C:\Users\*\AppData\Local\Temp\*' -Force -ErrorAction SilentlyContinue
    Get-ChildItem -Path 'C:\*.log' -File -Force -ErrorAction SilentlyContinue
    Get-ChildItem -Path 'C:\Windows\Temp\*' -Force -ErrorAction SilentlyContinue
    Get-ChildItem -Path 'C:\Windows\SoftwareDistribution\Download\*' -Force -ErrorAction SilentlyContinue
)
$removed = 0
foreach ($item in $found) {
    # What is in use, such as this very script, stays; sysprep's successor does not need it.
    Remove-Item -LiteralPath $item.FullName -Recurse -Force -ErrorAction SilentlyContinue
    if (-not (Test-Path -LiteralPath $item.FullName)) {
        $removed = $removed + 1
    }
}
if ($removed -gt 0) {
    Add-Note "removed $removed files and folders"
}
Complete-Step
