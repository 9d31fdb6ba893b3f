# The last step: sysprep, with a deadline and its log when it fails.
$Step = 'sysprep'
. "$PSScriptRoot\lib.ps1"

$state = 'Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Setup\State'
$wanted = 'IMAGE_STATE_GENERALIZE_RESEAL_TO_OOBE'
$folder = "$env:SystemRoot\System32\Sysprep"

# Stop-Sysprep: the reason, and what sysprep itself wrote about it.
function Stop-Sysprep {
    param([string] $Reason)
    foreach ($log in @('setuperr.log', 'setupact.log')) {
        $path = "$folder\Panther\$log"
        if (Test-Path -LiteralPath $path) {
            Write-Host "vmoffer: ${Step}: the end of $log"
            Get-Content -LiteralPath $path -Tail 40 | Write-Host
        }
    }
    throw $Reason
}

# Logs and answers of the base image's own setup would be taken for this one's.
foreach ($path in @("$env:SystemRoot\Panther", "$folder\Panther", "$folder\unattend.xml", "$folder\Sysprep_succeeded.tag")) {
    if (Test-Path -LiteralPath $path) {
        Remove-Item -LiteralPath $path -Recurse -Force
        Add-Note "removed $path"
    }
}

$deadline = (Get-Date).AddMinutes([int] $env:DEADLINE)
$process = Start-Process -FilePath "$folder\sysprep.exe" -ArgumentList '/generalize', '/oobe', '/quit', '/mode:vm' -PassThru
while (-not $process.HasExited -and (Get-Date) -lt $deadline) {
    Start-Sleep -Seconds 5
}
if (-not $process.HasExited) {
    Stop-Process -Id $process.Id -Force
    Stop-Sysprep -Reason "sysprep did not end within $env:DEADLINE minutes"
}
# The state follows the process by some seconds; where sysprep failed it never comes.
$deadline = (Get-Date).AddMinutes(5)
while ((Get-Value -Path $state -Name ImageState) -ne $wanted -and (Get-Date) -lt $deadline) {
    Start-Sleep -Seconds 5
}
$found = Get-Value -Path $state -Name ImageState
if ($found -ne $wanted) {
    Stop-Sysprep -Reason "sysprep ended and the image is $found, not $wanted"
}
if (-not (Test-Path -LiteralPath "$folder\Sysprep_succeeded.tag")) {
    Stop-Sysprep -Reason 'sysprep ended and left no Sysprep_succeeded.tag'
}
Add-Note "the image is $found"
if ($env:POWEROFF -eq 'yes') {
    Invoke-Tool -Path 'shutdown.exe' -Arguments @('/s', '/t', '5')
}
Complete-Step
