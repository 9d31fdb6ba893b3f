# What would make sysprep fail is found before it runs.
$Step = 'blockers'
. "$PSScriptRoot\lib.ps1"

# Sysprep and an agent that is still at work on the machine disturb each other.
$deadline = (Get-Date).AddSeconds([int] $env:WAIT)
foreach ($name in @('RdAgent', 'WindowsAzureGuestAgent')) {
    $service = Get-Service -Name $name
    while ($service.Status -ne 'Running' -and (Get-Date) -lt $deadline) {
        Start-Sleep -Seconds 5
        $service.Refresh()
    }
    if ($service.Status -ne 'Running') {
        throw "service $name has not settled after $env:WAIT s: $($service.Status)"
    }
}

$pending = @(
    'Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\Component Based Servicing\RebootPending',
    'Registry::HKEY_LOCAL_MACHINE\SOFTWARE\Microsoft\Windows\CurrentVersion\WindowsUpdate\Auto Update\RebootRequired'
)
foreach ($path in $pending) {
    if (Test-Path -LiteralPath $path) {
        throw "Windows waits for a restart ($path); let the build restart it after the last installation"
    }
}

# Sysprep refuses volumes that are encrypted or still being decrypted. Windows without the feature has none.
if ($null -ne (Get-Command -Name Get-BitLockerVolume -ErrorAction SilentlyContinue)) {
    foreach ($volume in Get-BitLockerVolume) {
        if ("$($volume.VolumeStatus)" -ne 'FullyDecrypted') {
            throw "volume $($volume.MountPoint) is $($volume.VolumeStatus); decrypt it first"
        }
    }
}

# An app that one user installed and the image does not provide for all stops sysprep.
if ($null -ne (Get-Command -Name Get-AppxProvisionedPackage -ErrorAction SilentlyContinue)) {
    $provided = @(Get-AppxProvisionedPackage -Online | ForEach-Object -MemberName DisplayName)
    foreach ($app in Get-AppxPackage -AllUsers -PackageTypeFilter Main) {
        if (-not $app.NonRemovable -and "$($app.SignatureKind)" -ne 'System' -and $provided -notcontains $app.Name) {
            throw "app $($app.Name) is installed for a user and not provided for all; remove it"
        }
    }
}

$table = Import-Table -Path "$PSScriptRoot\roles.yaml"
if ($null -ne (Get-Command -Name Get-WindowsFeature -ErrorAction SilentlyContinue)) {
    $installed = @(Get-WindowsFeature | Where-Object -Property Installed -EQ -Value $true | ForEach-Object -MemberName Name)
    foreach ($row in $table) {
        if ($installed -contains $row.name) {
            throw "role $($row.name) is installed; remove it ($($row.rule))"
        }
    }
}
Complete-Step
