# Runs the publisher's script once on a customer's machine, and goes when it has succeeded.
param([string] $Script)
Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

# The machine starts once in the middle of its own setup: wait until that is over.
$deadline = (Get-Date).AddMinutes(30)
$setup = 'Registry::HKEY_LOCAL_MACHINE\SYSTEM\Setup'
while ((Get-ItemProperty -LiteralPath $setup).SystemSetupInProgress -ne 0 -and (Get-Date) -lt $deadline) {
    Start-Sleep -Seconds 10
}
if ((Get-ItemProperty -LiteralPath $setup).SystemSetupInProgress -ne 0) {
    exit 2
}
$log = "$env:SystemRoot\Logs\vmoffer-first-boot.log"
$arguments = @('-NoProfile', '-ExecutionPolicy', 'Bypass', '-File', "`"$Script`"")
$process = Start-Process -FilePath 'powershell.exe' -ArgumentList $arguments -PassThru -Wait -RedirectStandardOutput $log
if ($process.ExitCode -ne 0) {
    # The task stays and tries again at the next start.
    exit $process.ExitCode
}
Unregister-ScheduledTask -TaskName 'vmoffer-first-boot' -Confirm:$false
Remove-Item -LiteralPath $PSCommandPath -Force
