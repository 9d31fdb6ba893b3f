# A task that runs the publisher's script at the first start of a customer's machine and then deletes itself.
$Step = 'first-boot'
. "$PSScriptRoot\lib.ps1"

$task = Get-Content -Raw -LiteralPath "$PSScriptRoot\first-boot-task.ps1"
# Windows has no empty environment variables: without a script there is none.
if ($env:SCRIPT) {
    if ($env:SCRIPT -notmatch '^C:\\[^"]+\.ps1$') {
        throw "the script must be a .ps1 file on C: without quotes in its name: $env:SCRIPT"
    }
    if (-not (Test-Path -LiteralPath $env:SCRIPT -PathType Leaf)) {
        throw "there is no $env:SCRIPT; upload it with a file step before"
    }
    # Under Program Files only administrators may change what will run as SYSTEM.
    $folder = "$env:ProgramFiles\vmoffer"
    [void] (New-Item -Path $folder -ItemType Directory -Force)
    $file = "$folder\first-boot.ps1"
    Set-Content -LiteralPath $file -Value $task -Encoding UTF8
    $argument = '-NoProfile -ExecutionPolicy Bypass -File "{0}" -Script "{1}"' -f $file, $env:SCRIPT
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument $argument
    $trigger = New-ScheduledTaskTrigger -AtStartup
    $settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit (New-TimeSpan -Hours 2)
    [void] (Register-ScheduledTask -TaskName 'vmoffer-first-boot' -Action $action -Trigger $trigger `
        -Settings $settings -User 'NT AUTHORITY\SYSTEM' -RunLevel Highest -Force)
    Add-Note "runs $env:SCRIPT once at the first start"
}
Complete-Step
