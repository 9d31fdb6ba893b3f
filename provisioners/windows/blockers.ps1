# What would make sysprep fail is found before it runs.
$Step = 'blockers'
. "$PSScriptRoot\lib.ps1"

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
Complete-Step
