# The Azure VM Agent is there and running.
$Step = 'agent'
. "$PSScriptRoot\lib.ps1"

$deadline = (Get-Date).AddSeconds([int] $env:WAIT)
foreach ($name in @('RdAgent', 'WindowsAzureGuestAgent')) {
    $service = Get-Service -Name $name -ErrorAction SilentlyContinue
    if ($null -eq $service) {
        throw "service $name is missing; start from a Microsoft base image or install the Azure VM Agent"
    }
    if ($service.StartType -ne 'Automatic') {
        Set-Service -Name $name -StartupType Automatic
        Add-Note "$name starts automatically"
    }
    while ($service.Status -ne 'Running' -and (Get-Date) -lt $deadline) {
        Start-Sleep -Seconds 5
        $service.Refresh()
    }
    if ($service.Status -ne 'Running') {
        throw "service $name does not run after $env:WAIT s: $($service.Status)"
    }
}
Complete-Step
